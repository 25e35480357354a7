import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { recordBytesBound } from "../../wire/record-batch-writer.ts";
import type { RecordInput } from "../../core/record.ts";
import type { EncodedBatch } from "./commit-group.ts";

/** Outputs of a commit as they come: from the writer's thread as records, from another one encoded. */
export type Outputs =
  | { readonly topicPartition: number; readonly records: readonly RecordInput[] }
  | { readonly topicPartition: number; readonly batches: readonly EncodedBatch[] };

/** At most this many bytes for the records of one append. PAYLOAD_TOO_LARGE when one of them or all together are too large. */
export function checkedAppendBytes(records: readonly RecordInput[]): number {
  const bytes = checkedRecordBytes(records);
  if (bytes <= LIMITS.groupCommitBytesMax) return bytes;
  throw new MillraceError("PAYLOAD_TOO_LARGE", `${bytes} bytes in one append are more than the log takes at once`);
}

/** A commit may be larger than an append: its outputs are spread over several physical records of its transaction. */
export function checkedCommitBytes(bodyBytes: number, outputs: readonly Outputs[]): number {
  const bytes = outputs.reduce((sum, output) => sum + outputBytes(output), bodyBytes);
  if (bytes <= LIMITS.appendQueueBytesMax) return bytes;
  throw new MillraceError("PAYLOAD_TOO_LARGE", `a commit of ${bytes} bytes is more than the log takes at once`);
}

export function checkedRecordBytes(records: readonly RecordInput[]): number {
  let bytes = 0;
  for (const record of records) {
    const { length } = record.value;
    const bound = recordBytesBound(record);
    // The value has the whole limit; key and headers together have it once more.
    if (length > LIMITS.recordBytesMax || bound - length > LIMITS.recordBytesMax) {
      throw new MillraceError(
        "PAYLOAD_TOO_LARGE",
        `a record of ${bound} bytes is over the limit of ${LIMITS.recordBytesMax}`,
      );
    }
    bytes += bound;
  }
  return bytes;
}

function outputBytes(output: Outputs): number {
  if ("records" in output) return checkedRecordBytes(output.records);
  return output.batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
}
