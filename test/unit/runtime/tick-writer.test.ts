import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createTickWriter, duePartitions } from "../../../runtime/tick-writer.ts";
import type { JournalStatus, LogStatus } from "../../../core/event-log.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const stage: StageDefinition = { name: "main", input: "telemetry", functions: [] };
const NOW = 10_000;

describe("partitions that need a tick", () => {
  it("are those with a due timer whose input is processed to its end", () => {
    expect(duePartitions(status([journal(0, { nextTimer: NOW, offset: 5 })], { 0: 5 }), stage, NOW)).toEqual([0]);
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
