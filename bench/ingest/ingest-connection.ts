import { connect, type Socket } from "node:net";
import { rawConnect } from "../../test/support/raw-mqtt.ts";
import { nextPacketId, PublishBatches } from "./publish-batches.ts";
import type { LatencySamples } from "./latency-samples.ts";
import type { BatchShape, IngestClient } from "./load-shapes.ts";

const PUBACK_BYTES = 4;
const OPENED_AT_ONCE = 50;

/** A connection that publishes batches and holds the server to its promise: one PUBACK per message, in order [MQTT-4.6.0-2]. */
export class IngestConnection {
  /** Told after each read that brought acknowledgements, with the time of the read. */
  onAcknowledged: (now: number) => void = () => undefined;
  acknowledged = 0;
  #outstanding = 0;
  readonly #socket: Socket;
  readonly #name: string;
  readonly #shape: BatchShape;
  readonly #batches: PublishBatches;
  readonly #samples: LatencySamples;
  /** By slot: when the batch in it was written or due. */
  readonly #since: Float64Array;
  #acknowledgedSlot = 0;
  #acknowledgedInSlot = 0;
  #expectedId = 1;
  readonly #rest = new Uint8Array(PUBACK_BYTES);
  #restBytes = 0;
  #opened: PromiseWithResolvers<void> | null = Promise.withResolvers();

  private constructor(port: number, client: IngestClient, number: number, shape: BatchShape, samples: LatencySamples) {
    this.#name = client.id;
    this.#shape = shape;
    this.#batches = new PublishBatches(shape, number);
    this.#since = new Float64Array(this.#batches.slots);
    this.#samples = samples;
    const buffer = Buffer.allocUnsafeSlow(Math.max(64, shape.window * PUBACK_BYTES));
    const callback = (count: number, bytes: Uint8Array): boolean => this.#socketOnData(bytes.subarray(0, count));
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer, callback } });
    this.#socket.on("error", (error) => this.#lost(error.message));
    this.#socket.on("close", () => this.#lost("closed"));
    this.#socket.write(rawConnect({ clientId: client.id, keepAlive: 0, rest: [client.id, client.token] }));
  }

  /** Resolves when the server has accepted it. */
  static async open(
    port: number,
    client: IngestClient,
    number: number,
    shape: BatchShape,
    samples: LatencySamples,
  ): Promise<IngestConnection> {
    const connection = new IngestConnection(port, client, number, shape, samples);
    await connection.#opened?.promise;
    return connection;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get hasRoom(): boolean {
    return this.#outstanding + this.#shape.batch <= this.#shape.window;
  }

  /** One write. Latency counts from `since`. */
  publish(since: number): void {
    const batch = this.#batches.next();
    this.#since[this.#batches.slot] = since;
    this.#outstanding += this.#shape.batch;
    this.#socket.write(batch);
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #lost(why: string): void {
    throw new Error(`${this.#name}: the connection was lost: ${why}`);
  }

  /** What is left of a PUBACK waits for the next read. */
  #socketOnData(bytes: Uint8Array): boolean {
    const now = performance.now();
    let at = 0;
    while (this.#restBytes > 0 && at < bytes.length) {
      this.#rest[this.#restBytes++] = bytes[at++] ?? 0;
      if (this.#restBytes < PUBACK_BYTES) continue;
      this.#restBytes = 0;
      this.#take(this.#rest, 0, now);
    }
    for (; at + PUBACK_BYTES <= bytes.length; at += PUBACK_BYTES) this.#take(bytes, at, now);
    while (at < bytes.length) this.#rest[this.#restBytes++] = bytes[at++] ?? 0;
    this.onAcknowledged(now);
    return true;
  }

  #take(bytes: Uint8Array, at: number, now: number): void {
    if (this.#opened !== null) return this.#takeConnack(bytes, at);
    const id = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    if (bytes[at] !== 0x40 || bytes[at + 1] !== 2 || id !== this.#expectedId || this.#outstanding === 0) {
      const found = Buffer.from(bytes.subarray(at, at + PUBACK_BYTES)).toString("hex");
      throw new Error(`${this.#name}: ${found} is not the PUBACK of ${this.#expectedId}`);
    }
    this.#expectedId = nextPacketId(id);
    this.#outstanding -= 1;
    this.acknowledged += 1;
    this.#samples.add(now - (this.#since[this.#acknowledgedSlot] ?? now));
    if (++this.#acknowledgedInSlot < this.#shape.batch) return;
    this.#acknowledgedInSlot = 0;
    this.#acknowledgedSlot = (this.#acknowledgedSlot + 1) % this.#batches.slots;
  }

  #takeConnack(bytes: Uint8Array, at: number): void {
    if (bytes[at] !== 0x20 || bytes[at + 3] !== 0) this.#lost(`refused with code ${bytes[at + 3]}`);
    this.#opened?.resolve();
    this.#opened = null;
  }
}

/** One connection per client. */
export async function openConnections(
  port: number,
  clients: readonly IngestClient[],
  shape: BatchShape,
  samples: LatencySamples,
): Promise<IngestConnection[]> {
  const connections: IngestConnection[] = [];
  for (let from = 0; from < clients.length; from += OPENED_AT_ONCE) {
    const wave = clients.slice(from, from + OPENED_AT_ONCE);
    const opening = wave.map((client, index) => IngestConnection.open(port, client, from + index, shape, samples));
    connections.push(...(await Promise.all(opening)));
  }
  return connections;
}
