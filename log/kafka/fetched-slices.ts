import { walkRecordBatches } from "../../wire/record-batch-walk.ts";
import type { FetchedSlice } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { FetchedPartition } from "../../wire/kafka/fetch.ts";

/**
 * What a broker sent of one partition, from `offset` on. A batch that fails its checksum becomes a slice that says so; records before
 * the offset, which share its batch, are left out.
 */
export function slicesOf(fetched: FetchedPartition, offset: number): FetchedSlice[] {
  const { topic, partition, batches } = fetched;
  const slices: FetchedSlice[] = [];
  let records: LogRecord[] = [];
  let nextOffset = offset;
  const close = (): void => {
    if (records.length > 0) slices.push({ topic, partition, records, nextOffset });
    records = [];
  };
  for (const batch of walkRecordBatches(batches)) {
    if (batch.nextOffset <= nextOffset) continue;
    if (batch.records === null) {
      close();
      const corrupt = { fromOffset: Math.max(batch.baseOffset, nextOffset), toOffset: batch.nextOffset };
      slices.push({ topic, partition, records: [], nextOffset: batch.nextOffset, corrupt });
    } else {
      const from = nextOffset;
      const wanted = batch.baseOffset >= from ? batch.records : batch.records.filter((record) => record.offset >= from);
      if (records.length === 0) records = [...wanted];
      else for (const record of wanted) records.push(record);
    }
    nextOffset = batch.nextOffset;
  }
  close();
  return slices;
}
