import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../../core/limits.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { PartitionLane } from "../../../../log/kafka/partition-lane.ts";
import { decodeRecordBatch } from "../../../../wire/record-batch-reader.ts";
import type { RecordInput } from "../../../../core/record.ts";

const NEVER = Number.POSITIVE_INFINITY;

function newLane(): PartitionLane {
  return new PartitionLane({ topic: "t", partition: 0 }, { id: 7, epoch: 2 }, "none", () => undefined);
}

function record(value: string): RecordInput {
  return { timestamp: 1, key: null, value: Buffer.from(value), headers: [] };
}

function append(lane: PartitionLane, value: string, { bound = 100, deadline = NEVER } = {}): Promise<number> {
  const appended = lane.append([record(value)], bound, deadline);
  // Looked at later; until then a rejection is nobody's.
  appended.catch(() => undefined);
  return appended;
}

/** Who sends the head, under which sequence, and what is in it. */
function headOf(lane: PartitionLane): { producer: bigint; epoch: number; sequence: number; values: string[] } | null {
  const bytes = lane.head();
  if (bytes === null) return null;
  const values = decodeRecordBatch(bytes).records.map(({ value }) => Buffer.from(value).toString());
  return { producer: bytes.readBigInt64BE(43), epoch: bytes.readInt16BE(51), sequence: bytes.readInt32BE(53), values };
}

const late = (): MillraceError => new MillraceError("LOG_IO", "too late");

describe("a lane", () => {
  test("gathers what comes into one batch, and another from when that one has gone", async () => {
    const lane = newLane();
    const first = [append(lane, "a"), append(lane, "b")];
    expect(headOf(lane)).toEqual({ producer: 7n, epoch: 2, sequence: 0, values: ["a", "b"] });
    const second = append(lane, "c");
    expect(headOf(lane)?.values).toEqual(["a", "b"]);
    expect(lane.acknowledge(40)).toMatchObject({ records: 2 });
    expect(headOf(lane)).toMatchObject({ sequence: 2, values: ["c"] });
    lane.acknowledge(42);
    expect(await Promise.all([...first, second])).toEqual([40, 41, 42]);
    expect(lane.isEmpty).toBe(true);
    expect(lane.head()).toBeNull();
  });

  test("lets no batch grow over its limit", () => {
    const lane = newLane();
    const half = LIMITS.produceBatchBytesMax / 2 + 1;
    void append(lane, "a".repeat(half), { bound: half });
    void append(lane, "b", { bound: half });
    expect(headOf(lane)?.values).toHaveLength(1);
  });

  test("sends its batches compressed, the same bytes again, and tells how many those were", () => {
    const lane = new PartitionLane({ topic: "t", partition: 0 }, { id: 7, epoch: 2 }, "zstd", () => undefined);
    const value = "alike".repeat(500);
    void append(lane, value);
    const sent = lane.head();
    expect(sent?.length).toBeLessThan(200);
    expect(lane.head()).toBe(sent);
    expect(headOf(lane)).toMatchObject({ producer: 7n, sequence: 0, values: [value] });
    expect(lane.acknowledge(0)).toEqual({ records: 1, bytes: sent?.length });
  });

  test("sends the same bytes again, with the same sequence, whatever has come since", () => {
    const lane = newLane();
    void append(lane, "a");
    const sent = Buffer.from(lane.head() ?? []);
    void append(lane, "b");
    lane.failures += 1;
    expect(lane.head()?.equals(sent)).toBe(true);
  });

  test("counts its sequence from 0 again where int32 ends", () => {
    const lane = newLane();
    Reflect.set(lane, "sequence", 0x7fffffff);
    void append(lane, "a");
    expect(headOf(lane)?.sequence).toBe(0x7fffffff);
    lane.acknowledge(0);
    void append(lane, "b");
    expect(headOf(lane)?.sequence).toBe(0);
  });
});

describe("who waits too long", () => {
  test("is told, but what was sent stays in front until it is acknowledged", async () => {
    const lane = newLane();
    const sent = append(lane, "a", { deadline: 10 });
    lane.head();
    const unsent = append(lane, "b", { deadline: 10 });
    lane.expire(10, late);
    await expect(sent).rejects.toMatchObject({ code: "LOG_IO" });
    await expect(unsent).rejects.toMatchObject({ code: "LOG_IO" });
    void append(lane, "c");
    expect(headOf(lane)).toMatchObject({ sequence: 0, values: ["a"] });
    lane.acknowledge(5);
    expect(headOf(lane)).toMatchObject({ sequence: 1, values: ["c"] });
  });

  test("does not take others of the same batch along", async () => {
    const lane = newLane();
    const early = append(lane, "a", { deadline: 10 });
    const patient = append(lane, "b", { deadline: 20 });
    lane.expire(10, late);
    await expect(early).rejects.toMatchObject({ code: "LOG_IO" });
    expect(headOf(lane)?.values).toEqual(["a", "b"]);
    lane.acknowledge(5);
    expect(await patient).toBe(6);
  });
});

describe("a batch that the broker answers with an error", () => {
  test("when it is refused for good leaves its sequence to the next", async () => {
    const lane = newLane();
    const refused = append(lane, "a");
    lane.head();
    const next = append(lane, "b");
    lane.refuse(new MillraceError("LOG_IO", "too large"));
    await expect(refused).rejects.toMatchObject({ code: "LOG_IO" });
    expect(headOf(lane)).toMatchObject({ sequence: 0, values: ["b"] });
    lane.acknowledge(0);
    expect(await next).toBe(0);
  });

  test("when its sequence is not known any more goes as the first of another producer", async () => {
    const lane = newLane();
    void append(lane, "a");
    lane.head();
    lane.acknowledge(0);
    const again = append(lane, "b");
    expect(headOf(lane)).toMatchObject({ producer: 7n, sequence: 1 });
    lane.restartSequence({ id: 8, epoch: 0 });
    expect(headOf(lane)).toEqual({ producer: 8n, epoch: 0, sequence: 0, values: ["b"] });
    lane.acknowledge(1);
    expect(await again).toBe(1);
    void append(lane, "c");
    expect(headOf(lane)).toMatchObject({ producer: 8n, sequence: 1 });
  });

  test("when it is there already, nobody knows where, is not sent again and counts", async () => {
    const lane = newLane();
    const somewhere = append(lane, "a");
    lane.head();
    lane.acknowledgeSomewhere();
    await expect(somewhere).rejects.toMatchObject({ code: "LOG_IO" });
    void append(lane, "b");
    expect(headOf(lane)).toMatchObject({ sequence: 1, values: ["b"] });
  });
});

test("a lane that is abandoned rejects everybody, once", async () => {
  const lane = newLane();
  const both = [append(lane, "a", { deadline: 1 }), append(lane, "b")];
  lane.head();
  lane.expire(1, late);
  lane.abandon(new MillraceError("LOG_CLOSED", "closed"));
  await expect(both[0]).rejects.toMatchObject({ code: "LOG_IO" });
  await expect(both[1]).rejects.toMatchObject({ code: "LOG_CLOSED" });
  expect(lane.isEmpty).toBe(true);
});
