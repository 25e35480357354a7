import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { CommitPipeline } from "../../../log/embedded/commit-pipeline.ts";
import type { CommitGroup } from "../../../log/embedded/commit-group.ts";

const MANY = 500;

/** As many turns as a group that is to leave can need. */
const TURNS_MAX = 100;

// The linger ends when the test says so: on a slow machine a real timer is over before the test has looked.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Lets the pipeline's linger look once more whether somebody came. */
async function step(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1);
  await turn();
}

/** A pipeline whose disk, clock and timers the test moves. */
class DrivenPipeline {
  atMs = 1000;
  /** Arrivals of the groups that were written. */
  readonly written: number[] = [];
  readonly pipeline: CommitPipeline;
  #landing: PromiseWithResolvers<MillraceError | null> = Promise.withResolvers();

  constructor() {
    this.pipeline = new CommitPipeline(
      (group: CommitGroup) => {
        this.written.push(group.arrivals);
        this.#landing = Promise.withResolvers();
        return this.#landing.promise;
      },
      () => this.atMs,
    );
  }

  append(count: number): Promise<PromiseSettledResult<number>[]> {
    const record = { key: "a", timestamp: 1, value: Buffer.from("1"), headers: [] };
    return Promise.allSettled(Array.from({ length: count }, () => this.pipeline.groupFor(64).append(0, [record])));
  }

  async wrote(groups: number): Promise<void> {
    for (let turns = 0; this.written.length < groups && turns < TURNS_MAX; turns += 1) await step();
    if (this.written.length !== groups) throw new Error(`${this.written.length} groups were written, not ${groups}`);
  }

  land(error: MillraceError | null = null): void {
    this.#landing.resolve(error);
  }

  /** Appends so many, and lets their group leave and land. */
  async group(count: number): Promise<void> {
    const appended = this.append(count);
    await this.wrote(this.written.length + 1);
    this.atMs += LIMITS.lingerMsMax;
    this.land();
    await appended;
  }

  /** A rate at which the linger has its full length. The last group has just left and landed. */
  async load(): Promise<void> {
    for (let count = 0; count < 5; count += 1) await this.group(MANY);
    const appended = this.append(MANY);
    await this.wrote(this.written.length + 1);
    this.land();
    await appended;
    this.written.length = 0;
  }
}

const broken = new MillraceError("LOG_IO", "the disk failed");

describe("a commit pipeline", () => {
  test("writes a message that comes alone at the end of its turn", async () => {
    const driven = new DrivenPipeline();
    const appended = driven.append(1);
    expect(driven.written).toEqual([]);
    await turn();
    expect(driven.written).toEqual([1]);
    driven.land();
    expect(await appended).toMatchObject([{ status: "fulfilled" }]);
  });

  test("lingers under load, no longer than others come", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    void driven.append(2);
    await turn();
    await turn();
    expect(driven.written).toEqual([]);
    void driven.append(3);
    await step();
    expect(driven.written).toEqual([]);
    await step();
    expect(driven.written).toEqual([5]);
  });

  test("stops lingering when its clock goes back", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    void driven.append(1);
    await turn();
    driven.atMs -= 60_000;
    // Somebody comes whenever it looks: without the clock nothing would end it.
    for (let turns = 0; driven.written.length === 0 && turns < TURNS_MAX; turns += 1) {
      void driven.append(1);
      await step();
    }
    expect(driven.written).toHaveLength(1);
  });

  test("lets retention wait for the next message under load", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    driven.pipeline.requestMaintenance();
    await turn();
    await step();
    await step();
    expect(driven.written).toEqual([]);
    void driven.append(3);
    await driven.wrote(1);
    expect(driven.written).toEqual([3]);
  });

  test("lets retention go alone when nobody comes until the linger is over", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    driven.pipeline.requestMaintenance();
    await turn();
    expect(driven.written).toEqual([]);
    driven.atMs += LIMITS.lingerMsMax;
    await driven.wrote(1);
    expect(driven.written).toEqual([0]);
  });

  test("lets retention go at once when nothing else happens", async () => {
    const driven = new DrivenPipeline();
    driven.pipeline.requestMaintenance();
    await turn();
    expect(driven.written).toEqual([0]);
  });
});

describe("a commit pipeline that is to end while it lingers", () => {
  test("writes at once what waits, and is idle when that has landed", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    const appended = driven.append(2);
    await turn();
    expect(driven.written).toEqual([]);
    const idle = driven.pipeline.idle();
    await driven.wrote(1);
    driven.land();
    await idle;
    expect(await appended).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }]);
  });

  test("fails what waits when it is abandoned, writes nothing of it, and is idle", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    const appended = driven.append(2);
    await turn();
    driven.pipeline.abandon(broken);
    expect(await appended).toMatchObject([
      { status: "rejected", reason: broken },
      { status: "rejected", reason: broken },
    ]);
    await driven.pipeline.idle();
    expect(driven.written).toEqual([]);
    // Nothing of the linger that was cut short is left behind: what comes later is taken and written.
    const later = driven.append(2);
    await driven.wrote(1);
    driven.land();
    expect(await later).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }]);
    expect(driven.written).toEqual([2]);
  });

  test("resolves who waits for idleness when what it waits for is abandoned", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    const appended = driven.append(2);
    const idle = driven.pipeline.idle();
    driven.pipeline.abandon(broken);
    await idle;
    expect(await appended).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
    expect(driven.written).toEqual([]);
  });
});

describe("a group that fails", () => {
  test("takes what waits behind it along, and the next one is written", async () => {
    const driven = new DrivenPipeline();
    const first = driven.append(2);
    await driven.wrote(1);
    const behind = driven.append(1);
    driven.land(broken);
    expect(await first).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
    expect(await behind).toMatchObject([{ status: "rejected", reason: broken }]);
    const later = driven.append(1);
    await driven.wrote(2);
    driven.land();
    expect(await later).toMatchObject([{ status: "fulfilled" }]);
  });

  test("leaves nobody waiting that has come after a slow commit", async () => {
    const driven = new DrivenPipeline();
    await driven.load();
    const slow = driven.append(MANY);
    await driven.wrote(1);
    driven.atMs += 10 * LIMITS.lingerMsMax;
    driven.land(broken);
    expect((await slow).every(({ status }) => status === "rejected")).toBe(true);
    const later = driven.append(3);
    await driven.wrote(2);
    driven.land();
    expect(await later).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }, { status: "fulfilled" }]);
  });
});
