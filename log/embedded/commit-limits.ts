import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkedRecordBytes } from "../append-limits.ts";
import type { RecordInput } from "../../core/record.ts";
import type { EncodedBatch } from "./commit-group.ts";

/** Outputs of a commit as they come: from the writer's thread as records, from another one encoded. */
export type Outputs =
  | { readonly topicPartition: number; readonly records: readonly RecordInput[] }
  | { readonly topicPartition: number; readonly batches: readonly EncodedBatch[] };

/** A commit may be larger than an append: its outputs are spread over several physical records of its transaction. */
export function checkedCommitBytes(bodyBytes: number, outputs: readonly Outputs[]): number {
  const bytes = outputs.reduce((sum, output) => sum + outputBytes(output), bodyBytes);
  if (bytes <= LIMITS.appendQueueBytesMax) return bytes;
  throw new MillraceError("PAYLOAD_TOO_LARGE", `a commit of ${bytes} bytes is more than the log takes at once`);
}

function outputBytes(output: Outputs): number {
  if ("records" in output) return checkedRecordBytes(output.records);
  return output.batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
}
