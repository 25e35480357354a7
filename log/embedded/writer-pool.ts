import { LIMITS } from "../../core/limits.ts";
import { RecordBatchWriter } from "../../wire/record-batch-writer.ts";

/** What the groups of a busy log use: one collects, one is being written. */
const KEPT_BYTES_MAX = 2 * LIMITS.groupCommitBytesMax;

/** Lends batch writers, whose buffers are used again, and keeps so many of those that come back: not all that a disk which stood still has filled. */
export class WriterPool {
  /** Of the writers that are here. */
  bytes = 0;
  private readonly writers: RecordBatchWriter[] = [];

  take(): RecordBatchWriter {
    const writer = this.writers.pop();
    if (writer === undefined) return new RecordBatchWriter();
    this.bytes -= writer.capacity;
    return writer;
  }

  giveBack(writer: RecordBatchWriter): void {
    writer.reset();
    if (this.bytes + writer.capacity > KEPT_BYTES_MAX) return;
    this.writers.push(writer);
    this.bytes += writer.capacity;
  }
}
