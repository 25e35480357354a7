import { describe, expect, it } from "vitest";
import { digestLog } from "../../../../log/move/log-digest.ts";
import { moveRecords } from "../../../../log/move/move-records.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../../support/memory-event-log.ts";
import type { FetchedSlice, LogReader } from "../../../../core/event-log.ts";
import type { MoveTarget } from "../../../../log/move/move-target.ts";
import type { RecordInput } from "../../../../core/record.ts";

const PARTITIONS = 2;

function record(n: number): RecordInput {
  return { timestamp: 1000 + n, key: "t/d", value: new TextEncoder().encode(`v${n}`), headers: [["n", String(n)]] };
}

function sourceLog(): MemoryEventLog {
  const log = createMemoryEventLog({ partitionCount: PARTITIONS });
  log.appendNow("telemetry", 0, [0, 1, 2, 3, 4, 5, 6].map(record));
  log.appendNow("telemetry", 1, [10, 11].map(record));
  log.appendNow("readings", 0, [20, 21, 22].map(record));
  log.trim("telemetry", 0, 3);
  log.trim("readings", 0, 3);
  return log;
}

function targetLog(): MemoryEventLog & MoveTarget {
  const log = createMemoryEventLog({ partitionCount: PARTITIONS });
  return Object.assign(log, {
    async deleteBefore(positions: Parameters<MoveTarget["deleteBefore"]>[0]) {
      for (const { topic, partition, offset } of positions) log.trim(topic, partition, offset);
    },
  });
}

const onProgress = (): void => undefined;

async function startsAndEnds(log: MemoryEventLog) {
  const { partitions } = await log.status();
  return partitions.map(({ topic, partition, startOffset, endOffset }) => [topic, partition, startOffset, endOffset]);
}

/** A log whose readers find the offsets from 4 to 5 of telemetry/0 damaged, and give what lies before and behind in slices of their own. */
function damaged(log: MemoryEventLog): Pick<MemoryEventLog, "openReader" | "status"> {
  const hide = (slice: FetchedSlice): FetchedSlice[] => {
    if (slice.topic !== "telemetry" || slice.partition !== 0 || slice.nextOffset <= 4) return [slice];
    const before = slice.records.filter(({ offset }) => offset < 4);
    const behind = slice.records.filter(({ offset }) => offset > 5);
    const corrupt = { fromOffset: 4, toOffset: 6 };
    return [
      { ...slice, records: before, nextOffset: 4 },
      { ...slice, records: [], nextOffset: 6, corrupt },
      { ...slice, records: behind },
    ];
  };
  return {
    status: () => log.status(),
    openReader(positions): LogReader {
      const reader = log.openReader(positions);
      return {
        poll: async (options) => (await reader.poll(options)).flatMap(hide),
        seek: (next) => reader.seek(next),
        close: () => reader.close(),
      };
    },
  };
}

async function reach(log: MemoryEventLog, offset: number): Promise<void> {
  const journal = { name: "stage:main", partition: 0 };
  const { epoch } = await log.claim(journal);
  const positions = [{ topic: "telemetry", partition: 0, offset }];
  const entry = { kind: "unit", positions, nextTimer: null, body: new Uint8Array(0) } as const;
  await log.commit({ journal, epoch, entry, outputs: [] });
}

describe("moving the records of a log", () => {
  it("gives each the offset that it had, and nothing of what retention has deleted", async () => {
    const [source, target] = [sourceLog(), targetLog()];
    await moveRecords({ source, target, onProgress });
    expect(await startsAndEnds(target)).toEqual(await startsAndEnds(source));
    expect(await digestLog(target)).toEqual(await digestLog(source));
    expect((await digestLog(target)).find(({ topic }) => topic === "telemetry")?.records).toBe(6);
  });

  it("goes on where it was broken off: among the fillers, and among the records", async () => {
    for (const end of [1, 3, 5, 7]) {
      const [source, target] = [sourceLog(), targetLog()];
      target.appendNow("telemetry", 0, [0, 1, 2, 3, 4, 5, 6].map(record).slice(0, end));
      await moveRecords({ source, target, onProgress });
      expect(await digestLog(target)).toEqual(await digestLog(source));
      await moveRecords({ source, target, onProgress });
      expect(await startsAndEnds(target)).toEqual(await startsAndEnds(source));
    }
  });

  it("is refused where more is than was here", async () => {
    const [source, target] = [sourceLog(), targetLog()];
    target.appendNow("telemetry", 1, [1, 2, 3].map(record));
    await expect(moveRecords({ source, target, onProgress })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("puts ticks in the place of damaged records that all have counted", async () => {
    const [log, target] = [sourceLog(), targetLog()];
    await reach(log, 6);
    const source = damaged(log);
    await moveRecords({ source, target, onProgress });
    expect(await startsAndEnds(target)).toEqual(await startsAndEnds(log));
    expect(await digestLog(target)).toEqual(await digestLog(source));
    const reader = target.openReader([{ topic: "telemetry", partition: 0, offset: 3 }]);
    const [slice] = await reader.poll({ bytesMax: 1e6, waitMs: 0 });
    const kinds = slice?.records.map((one) => one.header("kind") ?? one.header("n"));
    expect(kinds).toEqual(["3", "tick", "tick", "6"]);
  });

  it("goes past damage where nobody reads", async () => {
    const [log, target] = [sourceLog(), targetLog()];
    const source = damaged(log);
    await moveRecords({ source, target, onProgress });
    expect(await startsAndEnds(target)).toEqual(await startsAndEnds(log));
  });

  it("is refused while somebody has still to count damaged records", async () => {
    const [log, target] = [sourceLog(), targetLog()];
    await reach(log, 5);
    await expect(moveRecords({ source: damaged(log), target, onProgress })).rejects.toMatchObject({
      code: "DATA_DAMAGED",
    });
  });
});

describe("the digest of a log", () => {
  it("tells a record that is another one, at another offset, or missing", async () => {
    const digestOf = async (log: MemoryEventLog) => (await digestLog(log)).find(({ topic }) => topic === "telemetry");
    const own = await digestOf(sourceLog());
    const others: ((log: MemoryEventLog) => void)[] = [
      (log) => log.trim("telemetry", 0, 4),
      (log) => void log.appendNow("telemetry", 1, [record(12)]),
    ];
    for (const change of others) {
      const log = sourceLog();
      change(log);
      expect((await digestOf(log))?.sha256).not.toBe(own?.sha256);
    }
    const fields: Partial<RecordInput>[] = [
      { timestamp: 1 },
      { key: "t/e" },
      { value: new Uint8Array(2) },
      { headers: [["n", "9"]] },
    ];
    const digests = await Promise.all(
      [{}, ...fields].map(async (change) => {
        const log = createMemoryEventLog({ partitionCount: 1 });
        log.appendNow("telemetry", 0, [{ ...record(1), ...change }]);
        return (await digestOf(log))?.sha256;
      }),
    );
    expect(new Set(digests).size).toBe(1 + fields.length);
  });
});
