import { expect, it } from "vitest";
import { partitionOf } from "../../../core/partitioner.ts";
import { outputBatches } from "../../../runtime/output-batches.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { TopicName } from "../../../core/topics.ts";

const record = (key: string | null, timestamp: number): RecordInput => ({
  timestamp,
  key,
  value: new Uint8Array(),
  headers: [],
});

it("outputs keep the partition of their input; what is to be joined goes to that of its key, in order, and a flush to all", () => {
  const outputs = new Map<TopicName, readonly RecordInput[]>([
    ["readings", [record("t/a", 1), record(null, 2)]],
    ["repartition", [record("t/a", 3), record("t/c", 4), record(null, 5), record("t/a", 6)]],
  ]);
  const [a, c] = [partitionOf("t/a", 3), partitionOf("t/c", 3)];
  expect(a).not.toBe(c);
  const placed = outputBatches({ outputs }, 1, 3).map(({ topic, partition, records }) => {
    return [topic, partition, records.map(({ timestamp }) => timestamp)];
  });
  expect(placed[0]).toEqual(["readings", 1, [1, 2]]);
  const expected = [0, 1, 2].map((at) => ["repartition", at, at === a ? [3, 5, 6] : at === c ? [4, 5] : [5]]);
  expect(placed.slice(1).toSorted(([, x], [, y]) => Number(x) - Number(y))).toEqual(expected);
});
