import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kedaPolicies } from "../../../bench/autoscaler/policies/all-policies.ts";
import { millrace } from "../../../bench/autoscaler/policies/millrace.ts";
import { recordedOutcome } from "../../../bench/autoscaler/autoscaler-page.ts";
import { simulate, type Outcome } from "../../../bench/autoscaler/simulate.ts";
import { LATE_SECONDS, PARTITIONS, steps, traceOf } from "../../../bench/autoscaler/trace.ts";
import { madeTraces } from "../../../bench/autoscaler/traces.ts";
import type { Policy } from "../../../bench/autoscaler/policy.ts";
import type { ScalingEvent } from "../../../runtime/autoscaler/scaling-types.ts";

const fixed = (replicas: number): Policy => ({ name: "fixed", intervalSeconds: 5, begin: () => () => replicas });

describe("the simulator", () => {
  const trace = traceOf({ name: "load", what: "", seconds: 300, initialReplicas: 4, arrivals: () => 3000 });

  it("gives the same outcome for the same seed, and another one for another", () => {
    expect(simulate(trace, millrace(5), { seed: 7 })).toEqual(simulate(trace, millrace(5), { seed: 7 }));
    expect(simulate(trace, fixed(1), { seed: 7 })).not.toEqual(simulate(trace, fixed(1), { seed: 8 }));
  });

  it("counts what replicas cost, those that start included", () => {
    expect(simulate(trace, fixed(4))).toMatchObject({ podSeconds: 1200, latePartitionSeconds: 0, actions: [] });
    expect(simulate(trace, fixed(8)).podSeconds).toBe(4 * 5 + 8 * 295);
  });

  it("lets lag grow when replicas do not suffice", () => {
    const outcome = simulate(trace, fixed(1));
    expect(outcome.lagSecondsMax).toBeGreaterThan(150);
    expect(outcome.latePartitionSeconds).toBeGreaterThan(PARTITIONS * 250);
  });
});

describe("the autoscaler in the simulator", () => {
  it.each([0, 1, 2, 3, 4])(
    "is within 5 s again 30 s after a burst of twenty times the load (%i s after a look)",
    (second) => {
      const from = 120 + second;
      const trace = traceOf({ name: "burst", what: "", seconds: from + 60, arrivals: steps([0, 500], [from, 10_000]) });
      let after = 0;
      const onStep = (at: number, age: number): void => void (after = Math.max(after, at < from + 30 ? 0 : age));
      const { actions, lagSecondsMax } = simulate(trace, millrace(5), { onStep });
      expect(after).toBeLessThan(LATE_SECONDS);
      expect(lagSecondsMax).toBeGreaterThan(LATE_SECONDS);
      expect(actions.filter(({ at }) => at >= from).length).toBeLessThan(3);
    },
  );

  it("does not oscillate on a constant load", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 25_000 }),
        fc.integer({ min: 1, max: 32 }),
        fc.nat(),
        (rate, initialReplicas, seed) => {
          const trace = traceOf({ name: "constant", what: "", seconds: 1200, initialReplicas, arrivals: () => rate });
          const { actions } = simulate(trace, millrace(5), { seed });
          const late = actions.filter(({ at }) => at > 600);
          // Replicas that just do not suffice are found out by their lag, and one too many when no look of the window has needed it. Both take long where
          // the load is at the border of two numbers: then there is one change, and none back.
          expect(late.length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(madeTraces().filter(({ name }) => name !== "day curve"))(
    "is no worse than KEDA's formula: $name",
    (trace) => {
      const ours = simulate(trace, millrace(5)).score;
      for (const policy of kedaPolicies()) expect(ours).toBeLessThanOrEqual(simulate(trace, policy).score);
    },
  );

  it.each([
    ["sink outage", "stalled"],
    ["slow sink", "ineffective-scale-up"],
    ["hot partition", "hot-partition"],
  ] as const)("says what more replicas do not help, and adds none for it: %s", (name, kind) => {
    const trace = madeTraces().find((one) => one.name === name);
    const events: { at: number; event: ScalingEvent }[] = [];
    if (trace === undefined) throw new Error(`no trace is called ${name}`);
    const { actions } = simulate(
      trace,
      millrace(5, (at, event) => events.push({ at, event })),
    );
    expect(new Set(events.map(({ event }) => event.kind))).toEqual(new Set([kind]));
    const during = actions.filter(({ at }) => at >= 600 && at < 900);
    expect(Math.max(...during.map(({ to }) => to), 0)).toBeLessThanOrEqual(5);
  });
});

it("what is recorded of a run is as long whatever it did", () => {
  const action = { at: 1, from: 1, to: 1 };
  const outcome: Outcome = {
    trace: "constant",
    policy: "HPA",
    podSeconds: 1,
    latePartitionSeconds: 0,
    lagSecondsMax: 0,
    lagRecordsMax: 0,
    actions: [
      { ...action, to: 7 },
      { ...action, from: 7, to: 2 },
    ],
    turns: 1,
    score: 1,
  };
  expect(recordedOutcome(outcome, 3)).toEqual({ ...outcome, actions: 2, replicasMax: 7 });
  expect(recordedOutcome({ ...outcome, actions: [] }, 3)).toMatchObject({ actions: 0, replicasMax: 3 });
});
