import { isMillraceError } from "../../core/errors.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { HEADER, type LogRecord } from "../../core/record.ts";
import { compressForwardBatch, forwardedMessage, forwardedRecord } from "../../wire/forward-batch.ts";
import { RecordBatchWriter } from "../../wire/record-batch-writer.ts";
import type { FetchedSlice } from "../../core/event-log.ts";

/** What cannot be relayed, and why. */
export interface BadRecord {
  readonly partition: number;
  readonly offset: number;
  /** Where what can be read goes on. */
  readonly nextOffset: number;
  /** A sentence without a full stop. */
  readonly reason: string;
  /** Null where not even the records of a batch can be read; then it is all from `offset` to `nextOffset`. */
  readonly record: LogRecord | null;
}

/** One thing to do, before the position may be `nextOffset`. */
export type RelayStep = { readonly nextOffset: number } & (
  | { readonly kind: "envelope"; readonly bytes: Buffer; readonly messages: number }
  | { readonly kind: "bad"; readonly bad: BadRecord }
  | { readonly kind: "nothing" }
);

export type RelayLimits = Pick<
  Limits,
  "relayedPerDeviceMax" | "forwardBatchRecordsMax" | "forwardBatchPlainBytesMax" | "forwardBatchBytesMax"
>;

/** A guess at what a record takes besides its value. */
const RECORD_BYTES_BESIDES = 400;

/**
 * The steps that bring what was fetched of a partition upstream, in its order. Envelopes are made anew, whatever the batches in the topic are:
 * who mirrors topics makes others. No envelope has more than `relayedPerDeviceMax` messages of a device.
 */
export function* planRelay(slice: FetchedSlice, limits: RelayLimits = LIMITS): Generator<RelayStep> {
  const { partition, records, nextOffset, corrupt } = slice;
  if (corrupt !== undefined) {
    const reason = "a batch fails its checksum, or is none that Millrace reads";
    yield { kind: "bad", nextOffset, bad: { partition, offset: corrupt.fromOffset, nextOffset, reason, record: null } };
    return;
  }
  const packer = new RelayPacker(limits);
  for (const record of records) {
    const reason = reasonAgainst(record, limits);
    if (reason !== null) {
      if (!packer.isEmpty) yield packer.close(record.offset);
      const { offset } = record;
      const behind = { nextOffset: offset + 1 };
      yield { kind: "bad", ...behind, bad: { partition, offset, ...behind, reason, record } };
      continue;
    }
    if (!packer.hasRoomFor(record)) yield packer.close(record.offset);
    packer.add(record);
  }
  yield packer.isEmpty ? { kind: "nothing", nextOffset } : packer.close(nextOffset);
}

/** Null for a message that an upstream of this release takes. */
function reasonAgainst(
  record: LogRecord,
  { forwardBatchPlainBytesMax, forwardBatchBytesMax }: RelayLimits,
): string | null {
  try {
    forwardedMessage(record);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return error.message;
  }
  if (record.value.length + RECORD_BYTES_BESIDES <= forwardBatchPlainBytesMax) return null;
  const alone = new RecordBatchWriter();
  alone.append(forwardedAgain(record));
  const { length } = compressForwardBatch(alone.finish(0));
  return length <= forwardBatchBytesMax ? null : `compressed it is larger than ${forwardBatchBytesMax} bytes`;
}

function forwardedAgain(record: LogRecord) {
  return forwardedRecord(record, record.header(HEADER.forwarded) ?? "");
}

class RelayPacker {
  readonly #limits: RelayLimits;
  readonly #writer = new RecordBatchWriter();
  readonly #perDevice = new Map<string, number>();

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#writer.count === 0;
  }

  /** An envelope takes one message whatever its size. */
  hasRoomFor({ key, value }: LogRecord): boolean {
    const { relayedPerDeviceMax, forwardBatchRecordsMax, forwardBatchPlainBytesMax } = this.#limits;
    const writer = this.#writer;
    if (writer.count === 0) return true;
    const isFull = writer.count === forwardBatchRecordsMax;
    const isLarge = writer.byteLength + value.length + RECORD_BYTES_BESIDES > forwardBatchPlainBytesMax;
    return !isFull && !isLarge && (this.#perDevice.get(key ?? "") ?? 0) < relayedPerDeviceMax;
  }

  add(record: LogRecord): void {
    const key = record.key ?? "";
    this.#perDevice.set(key, (this.#perDevice.get(key) ?? 0) + 1);
    this.#writer.append(forwardedAgain(record));
  }

  close(nextOffset: number): RelayStep {
    const messages = this.#writer.count;
    // A batch that is not compressed is a view of what is written into next.
    const bytes = Buffer.from(compressForwardBatch(this.#writer.finish(0)));
    this.#writer.reset();
    this.#perDevice.clear();
    return { kind: "envelope", bytes, messages, nextOffset };
  }
}
