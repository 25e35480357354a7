import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { neededReplicas, replicaChoices } from "../../../../runtime/autoscaler/needed-replicas.ts";
import { WatchedStage } from "../../../support/watched-stage.ts";
import type { ScalingBounds } from "../../../../runtime/autoscaler/scaling-types.ts";

const bounds = fc
  .record({ partitions: fc.integer({ min: 1, max: 48 }), min: fc.integer({ min: 0, max: 3 }) })
  .chain(({ partitions, min }) =>
    fc
      .integer({ min: 1, max: 60 })
      .map((max): ScalingBounds => ({ partitions, min: Math.min(min, partitions), max: Math.max(min, max) })),
  );

/** A second of a stage's life, whatever it may be. */
const second = fc.record({
  arrivals: fc.oneof(fc.constant(0), fc.nat({ max: 100_000 })),
  processed: fc.option(fc.nat({ max: 60_000 }), { nil: undefined }),
  busy: fc.double({ min: 0, max: 50, noNaN: true }),
  isLost: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0),
  timerInMs: fc.option(fc.nat({ max: 1_000_000 })),
  ready: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Lives the seconds and follows what is said. */
function live(
  limits: ScalingBounds,
  life: readonly (typeof second extends fc.Arbitrary<infer S> ? S : never)[],
  check: (stage: WatchedStage, isLost: boolean, decision: ReturnType<WatchedStage["ask"]>) => void,
): void {
  const stage = new WatchedStage(limits, Math.min(limits.partitions, Math.max(1, limits.min)));
  for (const { arrivals, processed, busy, isLost, timerInMs, ready } of life) {
    stage.pass({ arrivals, busy, ...(processed === undefined ? {} : { processed }) });
    stage.nextTimer = timerInMs === null ? null : stage.at + timerInMs;
    stage.ready = Math.round(stage.replicas * ready);
    const decision = stage.ask(isLost ? null : stage.sample);
    check(stage, isLost, decision);
    stage.replicas = decision.replicas;
  }
}

const lives = fc.array(second, { minLength: 5, maxLength: 120 });

describe("whatever happens, the decision", () => {
  it("is a whole number within the bounds, and never more than there are partitions", () => {
    fc.assert(
      fc.property(bounds, lives, (limits, life) => {
        live(limits, life, (_, __, { replicas }) => {
          expect(Number.isInteger(replicas)).toBe(true);
          expect(replicas).toBeGreaterThanOrEqual(limits.min === 0 ? 0 : 1);
          expect(replicas).toBeLessThanOrEqual(Math.min(limits.partitions, Math.max(1, limits.max)));
        });
      }),
    );
  });

  it("is to change nothing when metrics are missing", () => {
    fc.assert(
      fc.property(bounds, lives, (limits, life) => {
        live(limits, life, (stage, isLost, { replicas, reason }) => {
          if (isLost && reason !== "bounds") expect(replicas).toBe(stage.replicas);
        });
      }),
    );
  });

  it("is zero only for a stage without lag, arrivals and timers that are due", () => {
    fc.assert(
      fc.property(lives, fc.integer({ min: 0, max: 400 }), (life, quiet) => {
        const silence = { arrivals: 0, processed: undefined, busy: 0, isLost: false, timerInMs: null, ready: 1 };
        const limits = { partitions: 8, min: 0, max: 8 };
        let before = 0;
        live(limits, [...life, ...Array.from({ length: quiet }, () => silence), ...life], (stage, _, { replicas }) => {
          const arrived = stage.sample.partitions.reduce((sum, one) => sum + (one?.end ?? 0), 0) - before;
          before += arrived;
          if (replicas > 0 || stage.replicas === 0) return;
          expect(stage.lag).toBe(0);
          expect(arrived).toBe(0);
          expect(stage.nextTimer === null || stage.nextTimer > stage.at).toBe(true);
        });
      }),
    );
  });
});

describe("more load never asks for fewer replicas", () => {
  const partition = fc.record({
    lag: fc.nat({ max: 1_000_000 }),
    arrivals: fc.nat({ max: 3000 }),
    latestArrivals: fc.nat({ max: 3000 }),
  });
  const demand = fc.record({
    partitions: fc.array(partition, { minLength: 1, maxLength: 40 }),
    rate: fc.integer({ min: 1, max: 5000 }),
    utilization: fc.double({ min: 0.1, max: 1, noNaN: true }),
    catchUpMs: fc.integer({ min: 1000, max: 60_000 }),
    restartMs: fc.nat({ max: 60_000 }),
    working: fc.nat({ max: 40 }),
    isUrgent: fc.boolean(),
  });

  it("of one partition or of all", () => {
    fc.assert(
      fc.property(demand, partition, fc.nat({ max: 39 }), (less, added, index) => {
        const choices = replicaChoices({ partitions: less.partitions.length, min: 1, max: less.partitions.length });
        const partitions = less.partitions.map((one, at) =>
          at === index % less.partitions.length
            ? {
                lag: one.lag + added.lag,
                arrivals: one.arrivals + added.arrivals,
                latestArrivals: one.latestArrivals + added.latestArrivals,
              }
            : one,
        );
        expect(neededReplicas({ ...less, partitions }, choices)).toBeGreaterThanOrEqual(neededReplicas(less, choices));
      }),
    );
  });

  it("in a decision on a stage that has settled", () => {
    const replicasFor = (arrivals: number): number => {
      const stage = new WatchedStage({ partitions: 16, min: 1, max: 16 }, 2);
      stage.watch(60, { arrivals: 1500, busy: 1.5 });
      return Math.max(...stage.watch(20, { arrivals, processed: 2000, busy: 2 }, true).map(({ replicas }) => replicas));
    };
    fc.assert(
      fc.property(fc.integer({ min: 2100, max: 30_000 }), fc.nat({ max: 30_000 }), (arrivals, more) => {
        expect(replicasFor(arrivals + more)).toBeGreaterThanOrEqual(replicasFor(arrivals));
      }),
      { numRuns: 50 },
    );
  });
});
