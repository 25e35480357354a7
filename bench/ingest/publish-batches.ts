import { rawPublish } from "../../test/support/raw-mqtt.ts";
import type { BatchShape } from "./load-shapes.ts";

const TOPIC = "v1/devices/me/telemetry";
export const PAYLOAD_BYTES = 174;
const PACKET_ID_LAST = 65_535;
/** Where in a payload the digits of the event time begin, and the last value. */
const TIME_AT = '{"ts":'.length;
const VALUE_AT = PAYLOAD_BYTES - "1400.000000}}".length;
/** It is written over a value of 11 characters. */
const VALUE_FIRST = 10_000_000_000;

/**
 * The batches of one connection, encoded once: as many as fit in its window, used in turn. One is written anew only when all of the
 * window before it is acknowledged, so that no write can still be reading it when its packet ids are changed.
 */
export class PublishBatches {
  readonly slots: number;
  readonly #batches: readonly Buffer[];
  readonly #frameBytes: number;
  readonly #idAt: number;
  readonly #eventsFrom: number | null;
  readonly #begun = Date.now();
  /** By device: the newest event time that it has sent. */
  readonly #times: Float64Array;
  #slot = -1;
  #packetId = 0;
  #value = VALUE_FIRST;

  /**
   * With `eventsFrom` no message repeats one before, as those of devices do not: each has an event time of its own, that time and what has passed
   * since the start, or 1 ms after its device's message before.
   */
  constructor({ window, batch, eventsFrom, topic = TOPIC }: BatchShape, seed: number) {
    this.#eventsFrom = eventsFrom ?? null;
    this.slots = window / batch;
    this.#times = new Float64Array(topic === TOPIC ? 1 : window);
    this.#batches = Array.from({ length: this.slots }, (_, slot) =>
      Buffer.concat(
        Array.from({ length: batch }, (_unused, index) => {
          const number = slot * batch + index;
          return rawPublish(topicOf(topic, seed * window + number), makePayload(seed, number));
        }),
      ),
    );
    this.#frameBytes = (this.#batches[0]?.length ?? 0) / batch;
    this.#idAt = this.#frameBytes - PAYLOAD_BYTES - 2;
  }

  /** The slot of the batch that `next` has returned last. */
  get slot(): number {
    return this.#slot;
  }

  /** The next batch, with the packet ids that follow those of the one before. */
  next(): Buffer {
    this.#slot = this.#slot + 1 === this.slots ? 0 : this.#slot + 1;
    const batch = this.#batches[this.#slot] ?? Buffer.alloc(0);
    if (this.#eventsFrom !== null) this.#renew(batch, this.#eventsFrom);
    for (let at = this.#idAt; at < batch.length; at += this.#frameBytes) {
      this.#packetId = nextPacketId(this.#packetId);
      batch[at] = this.#packetId >> 8;
      batch[at + 1] = this.#packetId & 0xff;
    }
    return batch;
  }

  /** Event time and last value, in place: both always have the same number of digits. */
  #renew(batch: Buffer, eventsFrom: number): void {
    const now = eventsFrom + Date.now() - this.#begun;
    const devices = this.#times.length;
    let number = this.#slot * (batch.length / this.#frameBytes);
    for (let at = this.#idAt + 2; at < batch.length; at += this.#frameBytes) {
      const device = number++ % devices;
      const time = Math.max((this.#times[device] ?? 0) + 1, now);
      this.#times[device] = time;
      batch.write(String(time), at + TIME_AT, "latin1");
      batch.write(String(this.#value++), at + VALUE_AT, "latin1");
    }
  }
}

/** All of one length, so that the frames of a batch are. */
export function topicOf(topic: string, device: number): string {
  return topic.replace("#####", String(device).padStart(5, "0"));
}

export function nextPacketId(id: number): number {
  return id === PACKET_ID_LAST ? 1 : id + 1;
}

/** JSON of exactly PAYLOAD_BYTES: an event time and six metrics, as a machine sends them. */
function makePayload(seed: number, number: number): string {
  const noise = ((seed * 7919 + number * 104_729) % 100_003) / 100_003;
  const values = [
    `"motorTemperature":${(20 + noise * 10).toFixed(2)}`,
    `"airHumidity":${(40 + noise * 20).toFixed(2)}`,
    `"pressure":${(1000 + noise * 30).toFixed(3)}`,
    `"vibrationVelocity":${(1 + noise * 3).toFixed(6)}`,
    `"supplyVoltage":${(228 + noise * 4).toFixed(3)}`,
    `"motorSpeed":${(1400 + noise * 100).toFixed(6)}`,
  ];
  const payload = `{"ts":${1_790_000_000_000 + number * 1000},"values":{${values.join(",")}}}`;
  if (payload.length !== PAYLOAD_BYTES) throw new Error(`a payload of ${payload.length} bytes: ${payload}`);
  return payload;
}
