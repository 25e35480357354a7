import type { MillraceError } from "../../core/errors.ts";
import type { AppendWaiter, LogIntake } from "../../core/event-log.ts";
import type { PackedRecord, RecordInput } from "../../core/record.ts";
import { decodeRecordBatch } from "../../wire/record-batch-reader.ts";
import { packedBytesBound, RecordBatchWriter } from "../../wire/record-batch-writer.ts";

interface TakenRecord extends RecordInput {
  readonly partition: number;
}

/**
 * A log intake that keeps records in memory, each in a group of its own. What becomes of them can be held back, told in any order, or be a
 * failure.
 */
export interface MemoryLogIntake extends LogIntake {
  /** Records that have landed, in the order in which they did. */
  readonly records: readonly TakenRecord[];
  /** Records that wait because of `hold`, in the order in which they were taken. */
  readonly waiting: readonly PendingRecord[];
  /** From now on records wait until `release`, or until they are settled one by one. */
  hold(): void;
  release(): void;
  /** From now on records are taken, and then fail with this error; null ends it. */
  failWith(error: MillraceError | null): void;
  /** From now on `take` throws this error; null ends it. */
  refuseWith(error: MillraceError | null): void;
}

interface PendingRecord {
  readonly record: TakenRecord;
  resolve(): void;
  reject(error: MillraceError): void;
}

export function createMemoryLogIntake(options: { readonly delayMs?: () => number } = {}): MemoryLogIntake {
  const kept: TakenRecord[] = [];
  let waiting: PendingRecord[] = [];
  let held = false;
  let failure: MillraceError | null = null;
  let refusal: MillraceError | null = null;

  function settleLater(pending: PendingRecord): void {
    const delayMs = options.delayMs?.();
    if (held) waiting.push(pending);
    else if (delayMs === undefined) setImmediate(() => pending.resolve());
    else setTimeout(() => pending.resolve(), delayMs);
  }

  return {
    records: kept,
    get waiting() {
      return waiting;
    },
    take(partition, packed) {
      if (refusal !== null) throw refusal;
      const waiters: AppendWaiter[] = [];
      const record = { ...unpacked(packed), partition };
      const error = failure;
      const reject = (reason: MillraceError): void => waiters.forEach((waiter) => waiter.failed(reason));
      if (error !== null) setImmediate(() => reject(error));
      else
        settleLater({
          record,
          reject,
          resolve() {
            kept.push(record);
            for (const waiter of waiters) waiter.landed();
          },
        });
      return { wait: (waiter) => void waiters.push(waiter) };
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      const released = waiting;
      waiting = [];
      for (const pending of released) pending.resolve();
    },
    failWith(error) {
      failure = error;
    },
    refuseWith(error) {
      refusal = error;
    },
  };
}

function unpacked(packed: PackedRecord): RecordInput {
  const writer = new RecordBatchWriter();
  writer.appendPacked(packed, packedBytesBound(packed));
  const [record] = decodeRecordBatch(writer.finish(0)).records;
  if (record === undefined) throw new Error("a record was packed and is not there");
  const { timestamp, key, value } = record;
  return { timestamp, key, value: Uint8Array.from(value), headers: record.headers() };
}
