import { connect } from "node:net";
import type { Socket } from "node:net";
import { rawConnect, rawPublish } from "../test/support/raw-mqtt.ts";

export interface BenchDevice {
  readonly id: string;
  readonly token: string;
}

const TOPIC = "v1/devices/me/telemetry";
const PACKET_IDS = 65_535;

/** One device's connection: publishes QoS 1 with as many messages under way as the caller sends, and times each to its PUBACK. */
export class DeviceConnection {
  readonly latencies: number[] = [];
  unacknowledged = 0;
  #socket: Socket;
  #sentAt = new Float64Array(PACKET_IDS + 1);
  #packetId = 0;
  #rest: Buffer = Buffer.alloc(0);
  #onAcknowledged: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number, device: BenchDevice): Promise<DeviceConnection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const connection = new DeviceConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", () => reject(new Error(`${device.id}: the connection was closed`)));
      socket.once("data", (bytes) => {
        if (bytes[0] === 0x20 && bytes[3] === 0) resolve();
        else reject(new Error(`${device.id} was refused: ${bytes.toString("hex")}`));
      });
      socket.write(rawConnect({ clientId: device.id, keepAlive: 0, rest: [device.id, device.token] }));
    });
    socket.on("data", (chunk) => connection.#socketOnData(chunk));
    return connection;
  }

  /** Told after each read that brought acknowledgements. */
  onAcknowledged(listener: () => void): void {
    this.#onAcknowledged = listener;
  }

  /** One write for all. `since` is when the message was due, which is what its latency is counted from. */
  publish(payloads: readonly string[], since: number): void {
    const frames = payloads.map((payload) => {
      this.#packetId = (this.#packetId % PACKET_IDS) + 1;
      this.#sentAt[this.#packetId] = since;
      return rawPublish(TOPIC, payload, this.#packetId);
    });
    this.unacknowledged += payloads.length;
    this.#socket.write(Buffer.concat(frames));
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  /** After CONNACK nothing but PUBACKs of four bytes comes. */
  #socketOnData(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const now = performance.now();
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40) throw new Error(`not a PUBACK: ${bytes.subarray(at, at + 4).toString("hex")}`);
      this.latencies.push(now - (this.#sentAt[bytes.readUInt16BE(at + 2)] ?? now));
      this.unacknowledged -= 1;
    }
    this.#rest = bytes.subarray(at);
    this.#onAcknowledged();
  }
}
