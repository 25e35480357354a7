import { expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { WriterPool } from "../../../log/embedded/writer-pool.ts";

test("what a disk that stood still has filled is let go, and what a busy log uses stays", () => {
  const pool = new WriterPool();
  const lent = Array.from({ length: 64 }, () => pool.take());
  const value = Buffer.alloc(1024 * 1024);
  for (const writer of lent) writer.append({ timestamp: 1, key: "t/a", value, headers: [] });
  for (const writer of lent) pool.giveBack(writer);
  expect(pool.bytes).toBeLessThanOrEqual(2 * LIMITS.groupCommitBytesMax);
  expect(lent).toContain(pool.take());
  for (let taken = 0; taken < 64; taken += 1) pool.take();
  expect(pool.bytes).toBe(0);
});
