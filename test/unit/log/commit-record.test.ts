import { expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { CommitRecordEncoder } from "../../../log/embedded/commit-record.ts";
import type { UnplacedBatch } from "../../../log/embedded/commit-record.ts";

/** Its checksum is nobody's concern here. */
function batch(bytes: number): UnplacedBatch {
  return { topicPartition: 0, count: 1, baseOffset: 0, lastTimestamp: 0, bytes: Buffer.alloc(bytes) };
}

test("buffers that one burst alone has needed are let go", () => {
  const encoder = new CommitRecordEncoder();
  const large = LIMITS.groupCommitBytesMax * 0.9;
  expect(encoder.encode(0, [batch(large), batch(large)])).toHaveLength(2);
  for (let commit = 1; commit <= 5000; commit += 1) encoder.encode(0, [batch(10)]);
  const [, second] = encoder.encode(0, [batch(LIMITS.groupCommitBytesMax), batch(10)]);
  expect(second?.buffer.byteLength).toBeLessThan(LIMITS.keptBufferBytesMax);
});
