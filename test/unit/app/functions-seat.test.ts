import { describe, expect, it } from "vitest";
import { FunctionsSeat } from "../../../app/threads/functions-seat.ts";
import { MillraceError } from "../../../core/errors.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { silentLogger } from "../../../core/logger.ts";
import type { ThreadApi } from "../../../app/thread-rpc.ts";
import type { ProcessorsApi } from "../../../app/threads/thread-apis.ts";

/** A thread that can be ended at will; calls to one that has ended are answered with THREAD_ENDED. */
class FakeThread {
  readonly owned = new Set<number>();
  readonly worker = {
    terminate: () => {
      this.end(null);
      return Promise.resolve(0);
    },
  };
  isEnded = false;
  busy = 0;
  failure: Error | null = null;
  private readonly onEnd: (error: Error | null) => void;
  private readonly startsBy: Promise<void>;

  constructor(onEnd: (error: Error | null) => void, startsBy: Promise<void>) {
    this.onEnd = onEnd;
    this.startsBy = startsBy;
  }

  end(error: Error | null): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.onEnd(error);
  }

  readonly call = async <Name extends keyof ProcessorsApi>(
    name: Name,
    ...args: Parameters<ProcessorsApi[Name]>
  ): Promise<Awaited<ReturnType<ProcessorsApi[Name]>>> => {
    if (this.isEnded) throw new MillraceError("THREAD_ENDED", "it has ended");
    if (this.failure !== null) throw this.failure;
    const api: Pick<ProcessorsApi, "start" | "take" | "release" | "busySeconds" | "stop"> = {
      start: () => this.startsBy,
      take: (partitions) => Promise.resolve(partitions.forEach((one) => this.owned.add(one))),
      release: (partitions) => Promise.resolve(partitions.forEach((one) => this.owned.delete(one))),
      busySeconds: () => this.busy,
      stop: () => Promise.resolve(),
    };
    const called: ThreadApi = api;
    return (await called[name]?.(...(args as never[]))) as Awaited<ReturnType<ProcessorsApi[Name]>>;
  };
}

function seated(startsBy = Promise.resolve()) {
  const threads: FakeThread[] = [];
  const seat = new FunctionsSeat({
    name: "functions.0",
    functionTimeoutMs: 1000,
    functionMemoryMib: 64,
    spawn: () => {
      const { promise: ended, resolve } = Promise.withResolvers<Error | null>();
      const thread = new FakeThread(resolve, startsBy);
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
