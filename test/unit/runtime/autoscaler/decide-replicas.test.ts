import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../core/limits.ts";
import { WatchedStage, type Course } from "../../../support/watched-stage.ts";
import type { ScalingDecision } from "../../../../runtime/autoscaler/scaling-types.ts";

const BOUNDS = { partitions: 8, min: 1, max: 8 };
/** A replica does 1,000 records/s. */
const steady = (arrivals: number): Course => ({ arrivals, busy: arrivals / 1000 });
const last = (said: readonly ScalingDecision[]) => said.at(-1);
const eventsOf = (said: readonly ScalingDecision[]) => said.flatMap(({ events }) => events);
const seconds = (ms: number) => ms / 1000;

describe("what is not known is left alone", () => {
  const busyStage = () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(30, steady(1900));
    return stage;
  };

  it("when nothing was measured", () => {
    const stage = busyStage();
    stage.pass({ arrivals: 9000, processed: 2000, busy: 2 });
    expect(stage.ask(null)).toMatchObject({ replicas: 2, reason: "no measurement" });
  });

  it("when the counters are old", () => {
    const stage = busyStage();
    const { sample } = stage;
    stage.at += LIMITS.autoscaleSampleAgeMsMax + 1;
    expect(stage.ask(sample)).toMatchObject({ replicas: 2, reason: "old measurement" });
  });

  it("when a partition is missing among them", () => {
    const stage = busyStage();
    const [, ...others] = stage.sample.partitions;
    expect(stage.ask({ ...stage.sample, partitions: [null, ...others] }).reason).toBe("missing partition");
    expect(stage.ask({ ...stage.sample, partitions: others }).reason).toBe("missing partition");
  });

  it("when there is one look, which says nothing of rates", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    expect(stage.watch(1, steady(8000))).toMatchObject([{ replicas: 2, reason: "no rates yet" }]);
  });

  it("when nobody has counted what work takes and nobody was behind", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    expect(last(stage.watch(30, { arrivals: 800, processed: 400 }))).toMatchObject({
      replicas: 2,
      reason: "no rates yet",
    });
  });
});

describe("replicas are added", () => {
  it("when arrivals take nearly all of their time, before anything is late", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    expect(last(stage.watch(60, steady(1850)))).toMatchObject({ replicas: 2, reason: "enough" });
    expect(stage.watch(60, steady(1980), true).at(-1)).toMatchObject({ replicas: 3, reason: "load" });
  });

  it("as many as it takes at once, when there is lag", () => {
    const stage = new WatchedStage(BOUNDS, 1);
    stage.watch(30, steady(300));
    const said = stage.watch(30, { arrivals: 6000, processed: 1000, busy: 1 }, true);
    expect(last(said)).toMatchObject({ replicas: 8, reason: "lag" });
    expect(said.length).toBeLessThanOrEqual(3);
  });

  it("no more while those that were asked for start, and not at once after a change", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(30, steady(1900));
    stage.watch(60, { arrivals: 2300, processed: 2000, busy: 2 }, true);
    const asked = stage.replicas;
    expect(asked).toBeGreaterThan(2);
    stage.ready = 2;
    const said = stage.watch(60, { arrivals: 3900, processed: 2000, busy: 2 });
    expect(new Set(said.map(({ replicas }) => replicas))).toEqual(new Set([asked]));
    expect(said.some(({ reason }) => reason === "cooling down")).toBe(true);
    expect(last(said)?.reason).toBe("starting");
  });

  it("never more than a partition each, and never more than the bound", () => {
    const stage = new WatchedStage({ ...BOUNDS, max: 5 }, 1);
    stage.watch(30, steady(300));
    expect(last(stage.watch(30, { arrivals: 90_000, processed: 1000, busy: 1 }, true))?.replicas).toBe(4);
  });
});

describe("replicas are taken away", () => {
  it("when less was needed for the whole window", () => {
    const stage = new WatchedStage(BOUNDS, 8);
    stage.watch(60, steady(5500));
    const said = stage.watch(400, steady(1000), true);
    expect(last(said)).toMatchObject({ replicas: 2, reason: "less load" });
    expect(said.length).toBeGreaterThan(seconds(LIMITS.autoscaleDownWindowMs));
  });

  it("not for a dip within the window", () => {
    const stage = new WatchedStage(BOUNDS, 8);
    for (let round = 0; round < 5; round += 1) {
      stage.watch(60, steady(5500));
      stage.watch(100, steady(500));
    }
    expect(stage.replicas).toBe(8);
    expect(stage.ask().replicas).toBe(8);
  });

  it("soon when only lag had needed them", () => {
    const stage = new WatchedStage(BOUNDS, 1);
    stage.watch(300, steady(700));
    stage.watch(30, { arrivals: 6000, processed: 1000, busy: 1 }, true);
    expect(stage.replicas).toBe(8);
    // A burst of a few seconds counts for its part of the window's mean only.
    const said = stage.watch(400, steady(700), true);
    expect(last(said)).toMatchObject({ reason: "less load" });
    expect(said.length).toBeLessThan(seconds(LIMITS.autoscaleDownWindowMs));
    expect(said.length).toBeGreaterThanOrEqual(seconds(LIMITS.autoscaleDownCooldownMs));
  });

  it("not while somebody is late", () => {
    const stage = new WatchedStage(BOUNDS, 4);
    stage.watch(300, steady(2900));
    stage.watch(20, { arrivals: 12_000, processed: 4000, busy: 4 });
    expect(last(stage.watch(200, { arrivals: 3600, processed: 4000, busy: 4 }))?.replicas).toBeGreaterThanOrEqual(4);
  });
});

describe("an idle stage", () => {
  const bounds = { ...BOUNDS, min: 0 };
  const idleFor = seconds(LIMITS.autoscaleIdleMs);

  it("goes to zero, and stays there", () => {
    const stage = new WatchedStage(bounds, 1);
    stage.watch(60, steady(500));
    expect(last(stage.watch(idleFor - 1, { arrivals: 0 }))?.replicas).toBe(1);
    expect(last(stage.watch(5, { arrivals: 0 }, true))).toMatchObject({ replicas: 0, reason: "idle" });
    expect(last(stage.watch(600, { arrivals: 0 }))).toMatchObject({ replicas: 0, reason: "idle" });
  });

  it("does not with a timer that is due soon", () => {
    const stage = new WatchedStage(bounds, 1);
    stage.watch(60, steady(500));
    stage.nextTimer = stage.at + 2 * LIMITS.autoscaleIdleMs;
    expect(last(stage.watch(idleFor + 30, { arrivals: 0 }))).toMatchObject({ replicas: 1, reason: "timers due" });
    stage.nextTimer = stage.at + 10 * LIMITS.autoscaleIdleMs;
    expect(last(stage.watch(2, { arrivals: 0 }))?.replicas).toBe(0);
  });

  it("comes back for a timer that is due, and for none before", () => {
    const stage = new WatchedStage(bounds, 0);
    stage.nextTimer = stage.at + 5000;
    expect(stage.watch(4, { arrivals: 0 }).map(({ replicas }) => replicas)).toEqual([0, 0, 0, 0]);
    expect(last(stage.watch(1, { arrivals: 0 }))).toMatchObject({ replicas: 1, reason: "timers due" });
    const first = new WatchedStage(bounds, 0);
    first.nextTimer = 1000;
    expect(last(first.watch(1, { arrivals: 0 }))).toMatchObject({ replicas: 1, reason: "woken" });
  });

  it("does not where one replica is the least", () => {
    const stage = new WatchedStage(BOUNDS, 1);
    stage.watch(60, steady(500));
    expect(last(stage.watch(idleFor + 60, { arrivals: 0 }))?.replicas).toBe(1);
  });

  it("wakes at its first look when something waits, without knowing any rates", () => {
    const stage = new WatchedStage(bounds, 0);
    stage.pass({ arrivals: 800, processed: 0 });
    expect(stage.ask()).toMatchObject({ replicas: 1, reason: "woken" });
    stage.pass({ arrivals: 800, processed: 0 });
    expect(stage.ask()).toMatchObject({ replicas: 1, reason: "woken" });
  });

  it("wakes with the first record, and with as many replicas as it takes", () => {
    const stage = new WatchedStage(bounds, 1);
    stage.watch(60, steady(500));
    stage.watch(idleFor + 5, { arrivals: 0 }, true);
    stage.pass({ arrivals: 8, processed: 0 });
    expect(stage.ask()).toMatchObject({ replicas: 1, reason: "woken" });
    stage.pass({ arrivals: 3400, processed: 0 });
    expect(stage.ask()).toMatchObject({ replicas: 8, reason: "woken" });
  });
});

describe("what more replicas do not change", () => {
  it("is said once and left alone: nothing is processed", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(60, steady(1500));
    const said = stage.watch(300, { arrivals: 1500, processed: 0 });
    expect(said.every(({ replicas }) => replicas === 2)).toBe(true);
    expect(eventsOf(said)).toMatchObject([{ kind: "stalled" }]);
    expect(last(said)?.reason).toBe("stalled");
  });

  it("is tried with one step, taken back, and not tried again for a while, each time longer", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(60, steady(1500));
    // Both replicas wait half of the time for something that gives no more, however many ask for it.
    const slow = { arrivals: 1500, processed: 1000, busy: 1 };
    expect(last(stage.watch(60, slow, true))).toMatchObject({ replicas: 3, reason: "lag" });
    const judged = last(stage.watch(60, slow, true));
    expect(judged).toMatchObject({ replicas: 2, reason: "ineffective" });
    expect(judged?.events).toMatchObject([{ kind: "ineffective-scale-up", from: 2, to: 3, blockedForMs: 300_000 }]);
    const blocked = stage.watch(seconds(LIMITS.autoscaleBlockMs) - 1, slow);
    expect(blocked.every(({ replicas }) => replicas === 2)).toBe(true);
    expect(last(blocked)?.reason).toBe("blocked");
    expect(last(stage.watch(30, slow, true))?.replicas).toBe(3);
    expect(eventsOf(stage.watch(60, slow, true))).toMatchObject([{ blockedForMs: 600_000 }]);
  });

  it("is tried again at once when what held it up has passed", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(60, steady(1500));
    const slow = { arrivals: 1500, processed: 1000, busy: 1 };
    stage.watch(60, slow, true);
    stage.watch(60, slow, true);
    expect(stage.replicas).toBe(2);
    expect(last(stage.watch(30, slow))?.reason).toBe("blocked");
    expect(last(stage.watch(30, { arrivals: 1500, processed: 2000, busy: 2 }, true))?.replicas).toBeGreaterThan(2);
  });

  it("is a partition that gets more than one replica can do, for which the others do not pay", () => {
    const stage = new WatchedStage(BOUNDS, 2);
    stage.watch(60, steady(1000));
    const said: ScalingDecision[] = [];
    for (let second = 0; second < 300; second += 1) {
      stage.pass({ arrivals: [1400, ...Array.from({ length: 7 }, () => 60)], processed: 8 * 700, busy: 1.4 });
      said.push(stage.ask());
    }
    expect(eventsOf(said)).toMatchObject([{ kind: "hot-partition", partition: 0 }]);
    expect(Math.max(...said.map(({ replicas }) => replicas))).toBe(2);
  });
});
