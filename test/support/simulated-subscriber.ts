import type { SessionPeer } from "../../broker/session/deliveries.ts";
import { SessionSide } from "../../broker/session/session-side.ts";
import type { Sessions } from "../../broker/session/sessions.ts";
import { TopicAcl } from "../../broker/topic-acl.ts";
import { LIMITS } from "../../core/limits.ts";
import { MqttFrameWalker } from "../../wire/mqtt-frame.ts";
import { rawAnswer, rawConnect, rawSubscribe, rawUnsubscribe } from "./raw-mqtt.ts";

/** The device (`tenant/device`) whose session it is. */
export const MODEL_KEY = "acme/a";

export interface ReceivedPublish {
  /** The payload, which is the number of the message. */
  readonly n: number;
  readonly topic: string;
  readonly qos: number;
}

const PUBREC = 0x50;
const PUBREL = 0x62;

interface Connection {
  readonly side: SessionSide;
  readonly walker: MqttFrameWalker;
  /** What the gateway has written and the client has not read. */
  unread: Buffer;
  /** Packet ids that the gateway has to count as in flight: the client has read PUBLISH or PUBREL, and not sent what ends it. */
  readonly open: Set<number>;
}

/**
 * A client with clean session = 0 that keeps to MQTT 3.1.1, on connections without a socket: what it reads of them, and which answers it
 * gets sent, is for the caller to say. What it has received is what an application would see of it: with QoS 2 a message whose
 * packet id is not released yet is the same one again (4.3.3).
 */
export class SimulatedSubscriber {
  readonly client: string;
  readonly received: ReceivedPublish[] = [];
  readonly #inFlightMax: number;
  readonly #seen = new Map<number, number>();
  readonly #unreleased = new Set<number>();
  /** What it was sent, whether or not it has read it. */
  readonly #sent = new Set<number>();
  #isForgotten = false;
  /** What the gateway did wrong, first of all: told where it is called by the gateway, which would deal with a throw. */
  defect: string | null = null;
  #owed: Buffer[] = [];
  #connection: Connection | null = null;
  #packetId = 0;

  constructor(client: string, inFlightMax: number) {
    this.client = client;
    this.#inFlightMax = inFlightMax;
  }

  get isConnected(): boolean {
    return this.#connection !== null;
  }

  /** There is something to read, or to answer. */
  get isBusy(): boolean {
    return this.#owed.length > 0 || (this.#connection?.unread.length ?? 0) > 0;
  }

  async connect(sessions: Sessions): Promise<void> {
    if (this.#connection !== null) return;
    let connection: Connection | null = null;
    const peer: SessionPeer = {
      queuedBytes: 0,
      isEnded: false,
      resume: () => undefined,
      filterRefused: (reason) => {
        throw new Error(`a filter is refused: ${reason}`);
      },
      write: (bytes) => {
        this.#checkDup(bytes);
        if (connection !== null) connection.unread = Buffer.concat([connection.unread, bytes]);
      },
      end: (reason, cause) => {
        if (connection === this.#connection) this.#fail(`the gateway ends the connection: ${reason} ${String(cause)}`);
      },
    };
    const joined = await sessions.join(this.client, false, peer);
    if (joined === null || typeof joined === "string") throw new Error(`no session: ${String(joined)}`);
    const side = new SessionSide({ client: this.client, acl: new TopicAcl(MODEL_KEY) }, peer, joined, {
      sessions,
      limits: LIMITS,
    });
    connection = { side, walker: new MqttFrameWalker(LIMITS), unread: Buffer.alloc(0), open: new Set() };
    this.#connection = connection;
    this.#send(rawConnect());
    side.opened();
  }

  /** Whatever has not been read, and whatever it still owed, is gone. */
  async disconnect(): Promise<void> {
    const side = this.#connection?.side;
    this.#drop();
    await side?.end(Promise.resolve());
  }

  /** The same, and the gateway does not come to know of it, nor does it know any more what it has sent. */
  crash(): void {
    this.#isForgotten = true;
    this.#drop();
  }

  #drop(): void {
    this.#connection = null;
    this.#owed = [];
  }

  /** False when it is not connected. */
  subscribe(filter: string, qos: number): boolean {
    return this.#send(rawSubscribe([filter], ++this.#packetId, qos));
  }

  unsubscribe(filter: string): boolean {
    return this.#send(rawUnsubscribe([filter], ++this.#packetId));
  }

  /** Reads so many bytes; of a packet that is cut off by them, nothing. */
  read(bytes: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    const packets = packetsOf(connection.unread, bytes);
    connection.unread = connection.unread.subarray(packets.reduce((sum, { length }) => sum + length, 0));
    for (const one of packets) this.#take(connection, one);
  }

  /** Sends the oldest answers that it owes. */
  answer(count: number): void {
    for (const answer of this.#owed.splice(0, Math.min(count, this.#owed.length))) {
      if (answer[0] !== PUBREC) this.#connection?.open.delete(answer.readUInt16BE(2));
      this.#send(answer);
    }
  }

  #take(connection: Connection, bytes: Buffer): void {
    const first = bytes[0] ?? 0;
    if (first >> 4 === 3) return this.#takePublish(connection, bytes);
    if (first !== PUBREL) return;
    const packetId = bytes.readUInt16BE(2);
    this.#unreleased.delete(packetId);
    this.#open(connection, packetId);
    this.#owed.push(rawAnswer("pubcomp", packetId));
  }

  #takePublish(connection: Connection, bytes: Buffer): void {
    const { n, topic, qos, packetId } = publishOf(bytes);
    if (qos === 0) return void this.received.push({ n, topic, qos });
    const known = this.#seen.get(n) ?? packetId;
    if (known !== packetId) throw new Error(`message ${n} comes again with id ${packetId}, not ${known}`);
    this.#seen.set(n, packetId);
    this.#open(connection, packetId);
    if (qos === 1 || !this.#unreleased.has(packetId)) this.received.push({ n, topic, qos });
    if (qos === 2) this.#unreleased.add(packetId);
    this.#owed.push(rawAnswer(qos === 1 ? "puback" : "pubrec", packetId));
  }

  #open({ open }: Connection, packetId: number): void {
    open.add(packetId);
    if (open.size > this.#inFlightMax) throw new Error(`${open.size} messages are in flight`);
  }

  #fail(defect: string): void {
    this.defect ??= defect;
  }

  /** DUP says that it was sent before; of what an earlier gateway had in its queue, that it may have been [MQTT-3.3.1-1]. */
  #checkDup(bytes: Buffer): void {
    for (const one of packetsOf(bytes, bytes.length)) {
      const { n, qos, isDup } = publishOf(one);
      if ((one[0] ?? 0) >> 4 !== 3 || qos === 0) continue;
      const wasSent = this.#sent.has(n);
      this.#sent.add(n);
      if (isDup ? !wasSent && !this.#isForgotten : wasSent) this.#fail(`message ${n} comes with DUP ${isDup}`);
    }
  }

  #send(bytes: Buffer): boolean {
    const connection = this.#connection;
    if (connection === null) return false;
    const { walker, side } = connection;
    walker.feed(bytes);
    while (walker.next()) {
      const refusal = walker.connect === null ? side.pass(walker) : null;
      if (refusal !== null) throw new Error(`the gateway refuses a packet: ${refusal}`);
    }
    if (walker.breach !== null) throw new Error(`the gateway refuses a packet: ${walker.breach}`);
    return true;
  }
}
/** Whole packets in the first bytes. All of them are shorter than 128 bytes here. */
function packetsOf(bytes: Buffer, count: number): readonly Buffer[] {
  const packets: Buffer[] = [];
  const end = Math.min(count, bytes.length);
  for (let at = 0; at + 2 <= end;) {
    const next = at + 2 + (bytes[at + 1] ?? 0);
    if (next > end) break;
    packets.push(bytes.subarray(at, next));
    at = next;
  }
  return packets;
}

function publishOf(bytes: Buffer) {
  const first = bytes[0] ?? 0;
  const qos = (first >> 1) & 3;
  const topicEnd = 4 + ((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0);
  const topic = bytes.toString("utf8", 4, topicEnd);
  const n = Number(bytes.toString("utf8", qos === 0 ? topicEnd : topicEnd + 2));
  const packetId = ((bytes[topicEnd] ?? 0) << 8) | (bytes[topicEnd + 1] ?? 0);
  return { n, topic, qos, packetId, isDup: (first & 0x08) !== 0 };
}
