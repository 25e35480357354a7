import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { packedBytesBound, recordBytesBound, valueBytes } from "../wire/record-batch-writer.ts";
import type { PackedRecord, RecordInput } from "../core/record.ts";

/** At most this many bytes for the records of one append. PAYLOAD_TOO_LARGE when one of them or all together are too large. */
export function checkedAppendBytes(records: readonly RecordInput[]): number {
  const bytes = checkedRecordBytes(records);
  if (bytes <= LIMITS.groupCommitBytesMax) return bytes;
  throw new MillraceError("PAYLOAD_TOO_LARGE", `${bytes} bytes in one append are more than the log takes at once`);
}

/** At most this many bytes for the records. PAYLOAD_TOO_LARGE when one of them is too large. */
export function checkedRecordBytes(records: readonly RecordInput[]): number {
  let bytes = 0;
  for (const record of records) {
    const bound = recordBytesBound(record);
    checkRecordSize(valueBytes(record), bound);
    bytes += bound;
  }
  return bytes;
}

/** At most this many bytes for the record. PAYLOAD_TOO_LARGE when it is too large. */
export function checkedPackedBytes(record: PackedRecord): number {
  const bound = packedBytesBound(record);
  checkRecordSize(record.valueEnd - record.valueStart, bound);
  return bound;
}

/** The value has the whole limit; key and headers together have it once more. */
function checkRecordSize(valueLength: number, bound: number): void {
  if (valueLength <= LIMITS.recordBytesMax && bound - valueLength <= LIMITS.recordBytesMax) return;
  throw new MillraceError(
    "PAYLOAD_TOO_LARGE",
    `a record of ${bound} bytes is over the limit of ${LIMITS.recordBytesMax}`,
  );
}
