import { afterEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { silentLogger } from "../../../../core/logger.ts";
import { createMetrics } from "../../../../core/metrics.ts";
import { createAutoscaleLoop } from "../../../../runtime/autoscaler/autoscale-loop.ts";
import { FakeStage } from "../../../support/scalable-stage.ts";
import type { Service } from "../../../../core/lifecycle.ts";

const BOUNDS = { partitions: 8, min: 0, max: 8 };
const SOON = { timeout: 30_000, interval: 2 };
let running: Service | null = null;

afterEach(async () => {
  await running?.stop(AbortSignal.timeout(1000));
  running = null;
});

/** The loop, a look every millisecond, and what it said. */
async function watch(stage: FakeStage, isDryRun = false) {
  const lines: string[] = [];
  const metrics = createMetrics();
  const say = (_: object, text: string): void => void lines.push(text);
  const logger = { ...silentLogger, info: say, warn: say, error: say };
  const clock = { now: () => stage.at };
  running = createAutoscaleLoop({ stage, clock, logger, metrics, isDryRun, intervalMs: 1 });
  await running.start();
  const valueOf = (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value;
  return { lines, valueOf };
}

describe("the loop of the autoscaler", () => {
  it("gives a stage as many replicas as it needs, and says so", async () => {
    const stage = new FakeStage(BOUNDS, 1);
    stage.arrivals = 600;
    const { lines, valueOf } = await watch(stage);
    await expect.poll(() => stage.replicas, SOON).toBe(8);
    expect(lines).toContain("scaling the stage");
    await expect.poll(() => valueOf("millrace_autoscaler_replicas"), SOON).toBe(8);
  });

  it("only says and counts in a dry run", async () => {
    const stage = new FakeStage(BOUNDS, 1);
    stage.arrivals = 600;
    const { lines, valueOf } = await watch(stage, true);
    await expect.poll(() => valueOf("millrace_autoscaler_wanted_replicas"), SOON).toBe(8);
    expect(stage.asked).toEqual([]);
    expect(valueOf("millrace_autoscaler_replicas")).toBe(1);
    expect(lines).toContain("the stage would be scaled; this is a dry run");
  });

  it("sleeps at zero without looking, and is woken by the append", async () => {
    const stage = new FakeStage(BOUNDS, 1);
    await watch(stage);
    await expect.poll(() => stage.isAsleep, SOON).toBe(true);
    expect(stage.replicas).toBe(0);
    const { looks } = stage;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stage.looks).toBe(looks);
    stage.append(10);
    await expect.poll(() => stage.replicas, SOON).toBe(1);
  });

  it("holds, and says so once, while the stage cannot be measured", async () => {
    const stage = new FakeStage(BOUNDS, 2);
    stage.failure = new MillraceError("LOG_IO", "gone");
    const { lines } = await watch(stage);
    await expect.poll(() => stage.looks, SOON).toBeGreaterThan(200);
    expect(stage.asked).toEqual([]);
    expect(lines).toEqual(["stage main cannot be measured and is not scaled; trying again"]);
  });

  it("goes on after a defect, and says so", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      const stage = new FakeStage(BOUNDS, 1);
      stage.arrivals = 600;
      stage.failure = new TypeError("not a function");
      const { lines } = await watch(stage);
      await vi.advanceTimersByTimeAsync(10);
      const text = "a look of the autoscaler has failed; the stage keeps the replicas that it has until the next one";
      expect(lines).toEqual([text]);
      stage.failure = null;
      await vi.advanceTimersByTimeAsync(6000);
      expect(stage.replicas).toBe(8);
    } finally {
      vi.useRealTimers();
    }
  });

  it("goes on when the log cannot be waited for", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      const stage = new FakeStage(BOUNDS, 0);
      let waits = 0;
      stage.appended = () => {
        waits += 1;
        return Promise.reject(new MillraceError("LOG_IO", "gone"));
      };
      await watch(stage);
      await vi.advanceTimersByTimeAsync(12_000);
      expect(waits).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it("scales again what has failed when nothing else is wanted by then", async () => {
    const stage = new FakeStage(BOUNDS, 1);
    stage.arrivals = 600;
    const asked: number[] = [];
    // As a pool of which one worker could not take its share.
    stage.scaleTo = (replicas) => {
      asked.push(replicas);
      stage.replicas = replicas;
      return asked.length < 3 ? Promise.reject(new MillraceError("LOG_IO", "no claim")) : Promise.resolve();
    };
    const { lines } = await watch(stage);
    await expect.poll(() => lines, SOON).toContain("over: stage main cannot be scaled");
    expect(asked).toEqual([8, 8, 8]);
  });

  it("tries again when scaling fails", async () => {
    const stage = new FakeStage(BOUNDS, 1);
    stage.arrivals = 600;
    let attempts = 0;
    stage.scaleTo = (replicas) => {
      attempts += 1;
      if (attempts < 2) return Promise.reject(new MillraceError("THREAD_ENDED", "no thread"));
      stage.replicas = replicas;
      return Promise.resolve();
    };
    const { lines } = await watch(stage);
    await expect.poll(() => stage.replicas, SOON).toBe(8);
    expect(lines).toContain("stage main cannot be scaled; trying again");
    expect(lines).toContain("over: stage main cannot be scaled");
  });
});
