import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { noCanaryCounts, type CanaryOutcome } from "../../../../core/canary.ts";
import { silentLogger } from "../../../../core/logger.ts";
import { createCanaryWatch } from "../../../../runtime/canary/canary-watch.ts";
import type { Service } from "../../../../core/lifecycle.ts";
import type { Rollout, RolloutStore } from "../../../../core/rollout.ts";

/** One canary, and what was done with it. */
class OneRollout implements RolloutStore {
  readonly done: string[] = [];
  rollout: Rollout = {
    name: "f",
    version: 2,
    live: 1,
    shares: [1000, 10_000],
    stepMs: 1000,
    step: 0,
    since: 0,
    outcome: null,
    reason: "",
  };

  all = async () => [this.rollout];
  promote = async () => this.rollout.version;
  advance = async () => {
    this.done.push(`advance ${this.rollout.step}`);
    const step = this.rollout.step + 1;
    this.rollout = { ...this.rollout, step, outcome: step === 2 ? "promoted" : null };
    return true;
  };
  rollBack = async (_step: object, reason: string) => {
    this.done.push(reason);
    this.rollout = { ...this.rollout, outcome: "rolled-back" };
    return true;
  };
}

describe("who watches canaries", () => {
  let watch: Service;
  let counts: Partial<Record<CanaryOutcome, number>>;
  let looks = 0;
  afterEach(() => watch.stop(AbortSignal.timeout(5000)));

  async function start(): Promise<OneRollout> {
    const rollouts = new OneRollout();
    counts = {};
    watch = createCanaryWatch({
      rollouts,
      counts: async () => {
        looks += 1;
        return new Map([["f@2", { ...noCanaryCounts(), ...counts }]]);
      },
      clock: { now: () => 5000 },
      logger: silentLogger,
      lookMs: 1,
    });
    await watch.start();
    return rollouts;
  }
  /** Until all that is counted now was looked at. */
  async function looked(): Promise<void> {
    for (const until = looks + 2; looks < until;) await sleep(1);
  }
  async function done(rollouts: OneRollout, count: number): Promise<readonly string[]> {
    while (rollouts.done.length < count) await sleep(1);
    return rollouts.done;
  }

  it("takes each step when it has seen enough at it, and no more when it is over", async () => {
    const rollouts = await start();
    await looked();
    counts = { same: 20 };
    expect(await done(rollouts, 1)).toEqual(["advance 0"]);
    await looked();
    counts = { same: 39 };
    await looked();
    expect(rollouts.done).toHaveLength(1);
    counts = { same: 40 };
    expect(await done(rollouts, 2)).toEqual(["advance 0", "advance 1"]);
    counts = { canaryFatal: 1 };
    await sleep(20);
    expect(rollouts.done).toHaveLength(2);
  });

  it("takes a bad one back, also for what came before it first looked", async () => {
    const rollouts = await start();
    counts = { canaryFailed: 5 };
    expect(await done(rollouts, 1)).toEqual(["it failed on 5 of 5 calls on which the live version did not"]);
  });

  it("counts what a thread that began anew sees from then on, and what the others have seen once", async () => {
    const rollouts = await start();
    counts = { same: 1000, canaryFailed: 2 };
    await done(rollouts, 1);
    // One of two has gone.
    counts = { same: 900, canaryFailed: 2 };
    await looked();
    counts = { same: 900, canaryFailed: 21 };
    expect((await done(rollouts, 2))[1]).toBe("it failed on 21 of 1021 calls on which the live version did not");
  });

  it("holds nothing against the same code that comes again", async () => {
    const rollouts = await start();
    counts = { canaryFailed: 5 };
    await done(rollouts, 1);
    await sleep(20);
    rollouts.rollout = { ...rollouts.rollout, outcome: null };
    await looked();
    expect(rollouts.done).toHaveLength(1);
    counts = { canaryFailed: 9 };
    expect((await done(rollouts, 2))[1]).toContain("4 of 4");
  });

  it("nor what a partition that is behind has counted of it since it ended", async () => {
    const rollouts = await start();
    counts = { canaryFailed: 5 };
    await done(rollouts, 1);
    await looked();
    counts = { canaryFailed: 25 };
    await looked();
    rollouts.rollout = { ...rollouts.rollout, outcome: null };
    await looked();
    expect(rollouts.done).toHaveLength(1);
  });
});
