import { describe, expect, it } from "vitest";
import { fitPositions } from "../../../sinks/clickhouse/sink-positions.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";

async function logWith(records: number, trimmed: number) {
  const log = createMemoryEventLog({ partitionCount: 1 });
  const record = { timestamp: 1, key: null, value: Buffer.from("{}"), headers: [] };
  log.appendNow(
    "readings",
    0,
    Array.from({ length: records }, () => record),
  );
  log.trim("readings", 0, trimmed);
  return log.status();
}

const stored = (offset: number) => [{ topic: "readings", partition: 0, offset }];

describe("fitPositions", () => {
  it("begins every stored topic and partition at its start when nothing is known", async () => {
    const { positions, missed } = fitPositions([], await logWith(10, 4));
    expect(positions.offset("readings", 0)).toBe(4);
    expect(positions.list().map(({ topic }) => topic)).not.toContain("telemetry");
    expect(positions.list()).toHaveLength(6);
    expect(missed).toBe(0);
  });

  it("keeps a position inside the log", async () => {
    for (const offset of [4, 7, 10]) {
      const { positions, missed } = fitPositions(stored(offset), await logWith(10, 4));
      expect({ offset: positions.offset("readings", 0), missed }).toEqual({ offset, missed: 0 });
    }
  });

  it("skips and counts what retention has passed", async () => {
    const { positions, missed } = fitPositions(stored(1), await logWith(10, 4));
    expect({ offset: positions.offset("readings", 0), missed }).toEqual({ offset: 4, missed: 3 });
  });

  it("starts over when the log ends before the position", async () => {
    const { positions } = fitPositions(stored(50), await logWith(10, 4));
    expect(positions.offset("readings", 0)).toBe(4);
  });
});
