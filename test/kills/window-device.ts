import { connect, type Socket } from "node:net";
import { rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const TOPIC = "v1/devices/me/telemetry";
const WINDOW = 50;
const RETRY_MS = 20;
const PACKET_BYTES = 4;
const FIRST_TIME = 1_790_000_000_000;
const DUP = 8;
const QOS_1 = 2;

/**
 * A device that keeps 50 messages of QoS 1 under way, numbered from 0. What was not acknowledged when its connection ended it sends
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
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | undefined;
  #publishing = true;
  #gone: PromiseWithResolvers<void> | null = null;

  constructor(id: string, token: string, port: number) {
    this.id = id;
    this.#token = token;
    this.#port = port;
    this.#connect();
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
    this.#socket?.removeAllListeners("close");
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    let rest = Buffer.alloc(0);
    let open = false;
    socket.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const whole = rest.length - (rest.length % PACKET_BYTES);
      for (let at = 0; at < whole; at += PACKET_BYTES) {
        if (open) this.#take(rest, at);
        else open = this.#joined(rest, at);
      }
      rest = rest.subarray(whole);
      if (open) this.#fill(socket);
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

  #fill(socket: Socket): void {
    const room = this.#publishing ? WINDOW - this.inFlight : 0;
    if (room > 0) socket.write(Buffer.concat(Array.from({ length: room }, () => this.#message(this.sent++, 0))));
  }

  #message(n: number, flags: number): Buffer {
    return rawPublish(TOPIC, JSON.stringify({ ts: FIRST_TIME + n, values: { n } }), packetId(n), QOS_1 | flags);
  }

  #lost(): void {
    this.#socket = null;
    this.#gone?.resolve();
    this.#gone = null;
    this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
  }
}

function packetId(n: number): number {
  return (n % 65_535) + 1;
}
