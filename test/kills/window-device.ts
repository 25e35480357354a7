import { connect, type Socket } from "node:net";
import { rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const TOPIC = "v1/devices/me/telemetry";
const WINDOW = 50;
const RETRY_MS = 20;
const PACE_MS = 50;
const PACKET_BYTES = 4;
const FIRST_TIME = 1_790_000_000_000;
const DUP = 8;
const QOS_1 = 2;

/** What a device sends. */
export interface DeviceStream {
  /** The n-th message: the same whenever it is asked for. */
  messageOf(n: number): object;
  /** How many are to be sent within so long, ms. */
  dueWithin(elapsedMs: number): number;
}

/** As much as goes. */
const NUMBERS: DeviceStream = {
  messageOf: (n) => ({ ts: FIRST_TIME + n, values: { n } }),
  dueWithin: () => Infinity,
};

/**
 * A device that keeps up to 50 messages of QoS 1 under way, numbered from 0. What was not acknowledged when its connection ended it sends
 * again first, in order, with DUP [MQTT-4.4.0-1]. PUBACKs must come in order [MQTT-4.6.0-2]: so all below `acknowledged` are.
 */
export class WindowDevice {
  readonly id: string;
  acknowledged = 0;
  sent = 0;
  resent = 0;
  /** PUBACKs of another message than the oldest. */
  wrongAcks = 0;
  readonly #token: string;
  readonly #port: number;
  readonly #stream: DeviceStream;
  readonly #begun = performance.now();
  #pacing: NodeJS.Timeout | undefined;
  /** May send: the connection was accepted. */
  #isOpen = false;
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | undefined;
  #publishing = true;
  #gone: PromiseWithResolvers<void> | null = null;

  constructor(id: string, token: string, port: number, stream = NUMBERS) {
    this.id = id;
    this.#token = token;
    this.#port = port;
    this.#stream = stream;
    this.#connect();
    if (stream !== NUMBERS) this.#pacing = setInterval(() => this.#fill(), PACE_MS);
  }

  get inFlight(): number {
    return this.sent - this.acknowledged;
  }

  /** Resolves when no connection is left, so that nothing more can be acknowledged. */
  async gone(): Promise<void> {
    if (this.#socket === null) return;
    this.#gone ??= Promise.withResolvers();
    await this.#gone.promise;
  }

  /** Sends nothing new any more. */
  finish(): void {
    this.#publishing = false;
  }

  close(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#pacing);
    this.#socket?.removeAllListeners("close");
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    let rest = Buffer.alloc(0);
    this.#isOpen = false;
    socket.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const whole = rest.length - (rest.length % PACKET_BYTES);
      for (let at = 0; at < whole; at += PACKET_BYTES) {
        if (this.#isOpen) this.#take(rest, at);
        else this.#isOpen = this.#joined(rest, at);
      }
      rest = rest.subarray(whole);
      this.#fill();
    });
    // What has failed is closed next.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#lost());
    socket.write(rawConnect({ clientId: this.id, keepAlive: 0, rest: [this.id, this.#token] }));
  }

  #joined(bytes: Buffer, at: number): boolean {
    if (bytes[at] !== 0x20 || bytes[at + 3] !== 0) throw new Error(`${this.id}: refused with ${bytes.toString("hex")}`);
    const again = Array.from({ length: this.inFlight }, (_, index) => this.#message(this.acknowledged + index, DUP));
    this.resent += again.length;
    this.#socket?.write(Buffer.concat(again));
    return true;
  }

  #take(bytes: Buffer, at: number): void {
    if (bytes.readUInt32BE(at) === ((0x40 << 24) | (2 << 16) | packetId(this.acknowledged)) >>> 0)
      this.acknowledged += 1;
    else this.wrongAcks += 1;
  }

  #fill(): void {
    if (!this.#isOpen || !this.#publishing) return;
    const due = this.#stream.dueWithin(performance.now() - this.#begun) - this.sent;
    const room = Math.min(WINDOW - this.inFlight, due);
    if (room > 0) this.#socket?.write(Buffer.concat(Array.from({ length: room }, () => this.#message(this.sent++, 0))));
  }

  #message(n: number, flags: number): Buffer {
    return rawPublish(TOPIC, JSON.stringify(this.#stream.messageOf(n)), packetId(n), QOS_1 | flags);
  }

  #lost(): void {
    this.#socket = null;
    this.#isOpen = false;
    this.#gone?.resolve();
    this.#gone = null;
    this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
  }
}

function packetId(n: number): number {
  return (n % 65_535) + 1;
}
