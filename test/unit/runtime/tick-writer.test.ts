import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createTickWriter, duePartitions } from "../../../runtime/tick-writer.ts";
import type { JournalStatus, LogStatus } from "../../../core/event-log.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const stage: StageDefinition = { name: "main", input: "telemetry", functions: [] };
const NOW = 10_000;

describe("partitions that need a tick", () => {
  it("are those with a due timer whose input is processed to its end", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([
      { partition: 0, nextTimer: NOW, offset: 5 },
    ]);
  });

  it("are not those whose timer is still to come", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW + 1, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([]);
  });

  it("are not those without a timer", () => {
    expect(duePartitions(status([journal(0, { nextTimer: null, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([]);
  });

  it("are not those with records still to process, which move time themselves", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 6 }), stage, NOW)).toEqual([]);
  });

  it("are not those of another consumer", () => {
    const other = { ...journal(0, { nextTimer: NOW, offset: 5 }), name: "stage:other" };
    expect(duePartitions(status([other], { 0: 5 }), stage, NOW)).toEqual([]);
  });
});

describe("a tick writer that begins", () => {
  const LONG_AGO = NOW - LIMITS.absenceMsMin - 1;

  /** What it has appended when it has begun, and what it has said. */
  async function begun(
    first: LogStatus,
    then = first,
  ): Promise<{ appended: string[]; said: string[]; later: string[] }> {
    const appended: string[] = [];
    const said: string[] = [];
    let current = first;
    const writer = createTickWriter({
      log: {
        status: () => Promise.resolve(current),
        append(topic, partition, records) {
          for (const { timestamp, value } of records)
            appended.push(`${topic} ${partition} ${timestamp} ${Buffer.from(value).toString()}`);
          return Promise.resolve(0);
        },
      },
      stages: () => [stage],
      clock: { now: () => NOW },
      logger: { ...silentLogger, info: (_, text) => said.push(text) },
    });
    await writer.start();
    const atStart = [...appended];
    current = then;
    await expect.poll(() => appended.length > atStart.length || then === first).toBe(true);
    await writer.stop(AbortSignal.timeout(1000));
    return { appended: atStart, said, later: appended.slice(atStart.length, atStart.length + 1) };
  }

  it("tells every partition that nobody has listened, when a timer is long overdue", async () => {
    const journals = [journal(0, { nextTimer: LONG_AGO, offset: 4 }), journal(1, { nextTimer: NOW + 1, offset: 5 })];
    const { appended, said } = await begun(status(journals, { 0: 5, 1: 5, 2: 0 }));
    expect(appended.toSorted()).toEqual([
      `telemetry 0 ${NOW} {"v":1,"kind":"tick","resumed":true}`,
      `telemetry 1 ${NOW} {"v":1,"kind":"tick","resumed":true}`,
    ]);
    expect(said).toEqual(["nobody has listened to devices for a while: their silence is measured from now on"]);
  });

  it("tells none where all timers are due in time", async () => {
    const { appended, said } = await begun(status([journal(0, { nextTimer: LONG_AGO + 1, offset: 5 })], { 0: 5 }));
    expect({ appended, said }).toEqual({ appended: [], said: [] });
  });

  it("tells a partition later that it finds overdue later", async () => {
    const overdue = status([journal(0, { nextTimer: LONG_AGO, offset: 5 })], { 0: 5 });
    const { appended, later } = await begun(status([], {}), overdue);
    expect({ appended, later }).toEqual({
      appended: [],
      later: [`telemetry 0 ${NOW} {"v":1,"kind":"tick","resumed":true}`],
    });
  });

  it("writes a plain tick for what has just become due", async () => {
    const due = status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 5 });
    expect((await begun(status([], {}), due)).later).toEqual([`telemetry 0 ${NOW} {"v":1,"kind":"tick"}`]);
  });
});

describe("the tick writer", () => {
  /** A log whose status fails or hangs. */
  const writerOver = (status: () => Promise<LogStatus>, warn: (text: string) => void = () => undefined) =>
    createTickWriter({
      log: { status, append: () => Promise.resolve(0) },
      stages: () => [stage],
      clock: { now: () => NOW },
      logger: { ...silentLogger, warn: (_, text) => warn(text) },
    });

  it("says once that the log does not answer", async () => {
    const lines: string[] = [];
    let asked = 0;
    const failing = () => Promise.reject(new MillraceError("LOG_IO", `gone ${(asked += 1)}`));
    const writer = writerOver(failing, (text) => lines.push(text));
    await writer.start();
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(2);
    await writer.stop(AbortSignal.timeout(1000));
    expect(lines).toEqual(["ticks are not written; trying again"]);
  });

  it("lets go of a log that hangs when it has to stop", async () => {
    let asked = 0;
    const writer = writerOver(() => new Promise(() => (asked += 1)));
    await writer.start();
    await expect.poll(() => asked, { timeout: 30_000 }).toBe(1);
    await writer.stop(AbortSignal.timeout(20));
  });
});

function journal(partition: number, state: { nextTimer: number | null; offset: number }): JournalStatus {
  const positions = [{ topic: "telemetry", partition, offset: state.offset }];
  return { name: "stage:main", partition, epoch: 1, positions, nextTimer: state.nextTimer };
}

function status(journals: readonly JournalStatus[], ends: Readonly<Record<number, number>>): LogStatus {
  const partitions = Object.entries(ends).map(([partition, endOffset]) => ({
    topic: "telemetry",
    partition: Number(partition),
    startOffset: 0,
    endOffset,
  }));
  return { partitions, journals, bytes: 0, bytesMax: 1, refusing: null, deletedTelemetry: {} };
}
