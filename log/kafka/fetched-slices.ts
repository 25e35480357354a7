import { walkRecordBatches } from "../../wire/record-batch-walk.ts";
import type { MillraceError } from "../../core/errors.ts";
import type { FetchedSlice } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { FetchedPartition } from "../../wire/kafka/fetch.ts";

export interface KafkaSlice extends FetchedSlice {
  /** With `corrupt`: why. */
  readonly damage?: MillraceError;
}

export interface KafkaSlices {
  readonly slices: readonly KafkaSlice[];
  /** Of their records, when they are not compressed (any more). */
  readonly bytes: number;
  /** What lies behind them, still as it came. */
  readonly rest: Buffer;
}

const NOTHING = Buffer.alloc(0);

/**
 * What a broker sent of one partition, from `offset` on, until it is `bytesMax`. A batch that cannot be read becomes a slice that says so;
 * records before the offset, which share its batch, are left out. Errors are those of `walkRecordBatches`, once all before is handed out.
 */
export function slicesOf(fetched: FetchedPartition, offset: number, bytesMax: number): KafkaSlices {
  const { topic, partition, batches } = fetched;
  const slices: KafkaSlice[] = [];
  let records: LogRecord[] = [];
  let nextOffset = offset;
  let bytes = 0;
  let at = 0;
  const close = (): void => {
    if (records.length > 0) slices.push({ topic, partition, records, nextOffset });
    records = [];
  };
  try {
    for (const batch of walkRecordBatches(batches)) {
      at += batch.bytes.length;
      if (batch.nextOffset <= nextOffset) continue;
      if (batch.records === null) {
        close();
        const corrupt = { fromOffset: Math.max(batch.baseOffset, nextOffset), toOffset: batch.nextOffset };
        const { damage } = batch;
        slices.push({ topic, partition, records: [], nextOffset: batch.nextOffset, corrupt, damage });
      } else {
        const from = nextOffset;
        const isWhole = batch.baseOffset >= from;
        const wanted = isWhole ? batch.records : batch.records.filter((record) => record.offset >= from);
        if (records.length === 0) records = [...wanted];
        else for (const record of wanted) records.push(record);
      }
      nextOffset = batch.nextOffset;
      bytes += batch.recordBytes;
      if (bytes >= bytesMax) break;
    }
  } catch (error) {
    if (at === 0) throw error;
    close();
    return { slices, bytes, rest: batches.subarray(at) };
  }
  close();
  return { slices, bytes, rest: bytes >= bytesMax ? batches.subarray(at) : NOTHING };
}
