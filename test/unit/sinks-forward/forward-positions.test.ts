import { describe, expect, it } from "vitest";
import { partitionOf } from "../../../core/partitioner.ts";
import { ForwardPositions, waitingRecords } from "../../../sinks/forward/forward-positions.ts";
import type { JournalClaim, LogStatus } from "../../../core/event-log.ts";

const PARTITIONS = 2;
/** A key of each partition. */
const KEYS = [0, 1].map((partition) => {
  const n = Array.from({ length: 50 }, (_, index) => index).find((one) => partitionOf(`t/d${one}`, 2) === partition);
  return `t/d${n}`;
});

/** `ranges`: start and end of each partition. `deleted`: messages that retention has deleted of each. */
function status(ranges: string, deleted: readonly number[] = []): LogStatus {
  const partitions = ["telemetry", "readings"].flatMap((topic) =>
    ranges.split(" ").map((range, partition) => {
      const [startOffset = 0, endOffset = 0] = range.split("-").map(Number);
      return { topic, partition, startOffset, endOffset };
    }),
  );
  const deletedTelemetry = Object.fromEntries(deleted.map((count, partition) => [KEYS[partition] ?? "", count]));
  return { partitions, journals: [], bytes: 0, bytesMax: 1, refusing: null, deletedTelemetry };
}

function claimOf(positions: ForwardPositions): JournalClaim {
  const body = positions.body();
  const entry = {
    kind: "snapshot",
    complete: true,
    positions: positions.topicPositions(),
    nextTimer: null,
    body,
  } as const;
  return { epoch: 2, entries: [entry], isTail: false, mark: null, damaged: false };
}

const offsets = (positions: ForwardPositions | null) => positions?.topicPositions().map(({ offset }) => offset);

describe("how far the forwarder has come", () => {
  it("begins at the start of what the log holds, and is found again", () => {
    const begun = ForwardPositions.atStart(status("5-9 0-3", [4]), PARTITIONS);
    expect(offsets(begun)).toEqual([5, 0]);
    begun.advance([{ partition: 1, nextOffset: 3, messages: 2 }]);
    const found = ForwardPositions.ofClaim(claimOf(begun), PARTITIONS);
    expect(offsets(found)).toEqual([5, 3]);
    expect(found?.body()).toEqual(begun.body());
    expect(waitingRecords(status("5-9 0-3"), begun.topicPositions())).toBe(4);
  });

  it("counts messages that retention took unread, and no control records", () => {
    const positions = ForwardPositions.atStart(status("0-0 0-0"), PARTITIONS);
    positions.advance([{ partition: 0, nextOffset: 10, messages: 6 }]);
    expect(positions.passRetention(status("10-50 0-5", [6]))).toBe(0);
    expect(positions.moves).toBe(0);
    // Offsets 10 to 40: 30 records, of which 11 were messages.
    expect(positions.passRetention(status("40-50 3-5", [17, 3]))).toBe(14);
    expect(offsets(positions)).toEqual([40, 3]);
    expect(positions.moves).toBe(1);
    expect(positions.passRetention(status("40-50 3-5", [17, 3]))).toBe(0);
    positions.advance([{ partition: 0, nextOffset: 42, messages: 2 }]);
    expect(positions.passRetention(status("42-50 3-5", [19, 3]))).toBe(0);
    expect(positions.passRetention(status("45-50 3-5", [20, 3]))).toBe(1);
  });
});

describe("what retention has deleted", () => {
  it("counts none of what was forwarded and then deleted with control records behind it", () => {
    const positions = ForwardPositions.atStart(status("0-0 0-0"), PARTITIONS);
    positions.advance([{ partition: 0, nextOffset: 4, messages: 4 }]);
    expect(positions.passRetention(status("9-9 0-0", [4]))).toBe(0);
    expect(offsets(positions)).toEqual([9, 0]);
  });
});

describe("a position that cannot be believed", () => {
  it("is not believed when it is no such entry, or of another number of partitions", () => {
    const good = claimOf(ForwardPositions.atStart(status("0-0 0-0"), PARTITIONS));
    const withBody = (text: string): JournalClaim => {
      return { ...good, entries: good.entries.map((entry) => ({ ...entry, body: Buffer.from(text) })) };
    };
    for (const text of ["", "{}", '{"v":2,"messages":[0,0]}', '{"v":1,"messages":[0]}', '{"v":1,"messages":[0,-1]}']) {
      expect(ForwardPositions.ofClaim(withBody(text), PARTITIONS)).toBeNull();
    }
    expect(ForwardPositions.ofClaim({ ...good, entries: [] }, PARTITIONS)).toBeNull();
  });

  it("is known to be of another log when it lies behind the end", () => {
    const positions = ForwardPositions.atStart(status("5-9 0-3"), PARTITIONS);
    expect(positions.isBeyond(status("5-9 0-3"))).toBe(false);
    expect(positions.isBeyond(status("0-4 0-3"))).toBe(true);
  });
});
