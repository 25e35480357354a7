import { describe, expect, it } from "vitest";
import { FunctionsSeat } from "../../../app/threads/functions-seat.ts";
import { MillraceError } from "../../../core/errors.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { silentLogger } from "../../../core/logger.ts";
import { FakeFunctionsThread } from "../../support/fake-functions-thread.ts";

function seated(startsBy = Promise.resolve()) {
  const threads: FakeFunctionsThread[] = [];
  const seat = new FunctionsSeat({
    name: "functions.0",
    stage: "functions",
    functionTimeoutMs: 1000,
    functionMemoryMib: 64,
    spawn: () => {
      const { promise: ended, resolve } = Promise.withResolvers<Error | null>();
      const thread = new FakeFunctionsThread(resolve, startsBy);
      threads.push(thread);
      return { thread, ended };
    },
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics: createMetrics(),
    onFault: () => undefined,
  });
  return { threads, seat };
}

describe("the seat of a thread of users' functions", () => {
  it("gives what a thread had that ended to the next one", async () => {
    const { threads, seat } = seated();
    await seat.start();
    await seat.take([0, 4, 8]);
    await seat.release([4]);
    threads[0]?.end(new Error("out of memory"));
    await expect.poll(() => [...(threads[1]?.owned ?? [])]).toEqual([0, 8]);
    await seat.end();
  });

  it("remembers what is dealt while it has no thread", async () => {
    const { threads, seat } = seated();
    await seat.start();
    threads[0]?.end(new Error("out of memory"));
    await expect.poll(() => seat.thread, { interval: 1 }).toBeNull();
    await seat.take([3]);
    await expect.poll(() => [...(threads[1]?.owned ?? [])]).toEqual([3]);
    await seat.end();
  });

  it("replaces a thread that cannot take: the next one has what the seat had before, and so it says", async () => {
    const { threads, seat } = seated();
    await seat.start();
    await seat.take([0]);
    if (threads[0] !== undefined) threads[0].failure = new MillraceError("STATE_INVALID", "it cannot be restored");
    await expect(seat.take([4])).rejects.toThrow("it cannot be restored");
    await expect.poll(() => [...(threads[1]?.owned ?? [])]).toEqual([0]);
    await seat.take([4]);
    expect([...(threads[1]?.owned ?? [])]).toEqual([0, 4]);
    await seat.end();
  });

  it("replaces a thread that does not release", async () => {
    const { threads, seat } = seated();
    await seat.start();
    await seat.take([0, 4]);
    if (threads[0] !== undefined) threads[0].failure = new TypeError("a defect");
    await seat.release([4]);
    expect(threads[0]?.isEnded).toBe(true);
    await expect.poll(() => [...(threads[1]?.owned ?? [])]).toEqual([0]);
    await seat.end();
  });

  it("counts the work of the threads that it had", async () => {
    const { threads, seat } = seated();
    await seat.start();
    if (threads[0] !== undefined) threads[0].busy = 5;
    expect(await seat.busySeconds()).toBe(5);
    threads[0]?.end(null);
    await expect.poll(() => threads.length).toBe(2);
    if (threads[1] !== undefined) threads[1].busy = 2;
    await expect.poll(() => seat.busySeconds()).toBe(7);
    await seat.end();
  });

  it("ends, with a thread that works and with one that has not started", async () => {
    const working = seated();
    await working.seat.start();
    await working.seat.end();
    expect(working.threads.map(({ isEnded }) => isEnded)).toEqual([true]);
    const starting = seated(new Promise(() => undefined));
    const started = starting.seat.start();
    await starting.seat.end();
    await started;
    expect(starting.threads.map(({ isEnded }) => isEnded)).toEqual([true]);
  });
});
