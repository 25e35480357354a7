import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counterRate, counterSchema } from "../../../../kit/signals/counter-rate.ts";
import { debounce, debounceSchema } from "../../../../kit/signals/debounce.ts";
import { delta, deltaSchema } from "../../../../kit/signals/delta.ts";
import { reportChanges, reportedSchema } from "../../../../kit/signals/report-changes.ts";
import { resample, resampleSchema } from "../../../../kit/signals/resample.ts";
import type { Counter } from "../../../../kit/signals/counter-rate.ts";
import type { Debounced } from "../../../../kit/signals/debounce.ts";
import type { Reported } from "../../../../kit/signals/report-changes.ts";
import type { Resampled, ResampleOptions } from "../../../../kit/signals/resample.ts";

describe("the rate of a counter", () => {
  it("is its increase per second, from 0 after a reset", () => {
    const steps = counted([
      [0, 100],
      [2000, 110],
      [4000, 5],
      [3000, 9],
      [5000, 6],
    ]);
    expect(steps.map(({ increase }) => increase)).toEqual([undefined, 10, 5, undefined, 1]);
    expect(steps.map(({ perSecond }) => perSecond)).toEqual([undefined, 5, 2.5, undefined, 1]);
  });

  it("goes on across the end of a counter that runs over", () => {
    expect(
      counted(
        [
          [0, 250],
          [1000, 4],
        ],
        256,
      ).at(-1),
    ).toMatchObject({ increase: 10 });
  });

  it("adds up to what was counted, whatever resets and late values there are", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ by: fc.nat(9), reset: fc.boolean() }), { minLength: 1 }), (moves) => {
        let value = 0;
        const given = moves.map(({ by, reset }, index): [number, number] => {
          value = reset ? 0 : value + by;
          return [index * 1000, value];
        });
        const total = counted(given).reduce((sum, { increase = 0 }) => sum + increase, given[0]?.[1] ?? 0);
        expect(total).toBe(moves.reduce((sum, { by, reset }) => sum + (reset ? 0 : by), 0));
      }),
    );
  });

  function counted(given: readonly (readonly [number, number])[], wrapsAt?: number) {
    let state: Counter = null;
    return given.map(([at, value]) => {
      const step = counterRate(state, at, value, wrapsAt === undefined ? {} : { wrapsAt });
      state = counterSchema.parse(step.state);
      return step;
    });
  }
});

describe("the change of a value", () => {
  it("is that from the one before, late ones passed over", () => {
    const first = delta(null, 1000, 5);
    expect(first).toEqual({ state: { at: 1000, value: 5 } });
    expect(delta(deltaSchema.parse(first.state), 3000, 2)).toEqual({
      state: { at: 3000, value: 2 },
      change: -3,
      elapsedMs: 2000,
    });
    expect(delta(first.state, 1000, 9)).toEqual({ state: first.state });
  });
});

describe("reported changes", () => {
  it("drop what repeats itself, within a deadband and a time", () => {
    let state: Reported = null;
    const given: (readonly [number, number | string])[] = [
      [0, 1],
      [1, 1.4],
      [2, 1.6],
      [3, "on"],
      [4, "on"],
      [2, "off"],
      [63, "on"],
    ];
    const made = given.map(([at, value]) => {
      const step = reportChanges(state, at, value, { deadband: 0.5, everyMs: 60 });
      state = reportedSchema.parse(step.state);
      return step.isNew;
    });
    expect(made).toEqual([true, false, true, true, false, false, true]);
  });
});

describe("a debounced value", () => {
  it("changes when another one has held for long enough", () => {
    let state: Debounced = null;
    const given: (readonly [number, boolean])[] = [
      [0, false],
      [10, true],
      [20, false],
      [30, true],
      [25, false],
      [79, true],
      [80, true],
      [90, true],
    ];
    const made = given.map(([at, value]) => {
      const step = debounce(state, at, value, 50);
      state = debounceSchema.parse(step.state);
      return [step.value, step.changed];
    });
    expect(made.map(([value]) => value)).toEqual([false, false, false, false, false, false, true, true]);
    expect(made.map(([, changed]) => changed)).toEqual([true, false, false, false, false, false, true, false]);
  });
});

describe("resampled values", () => {
  const run = (given: readonly (readonly [number, number])[], options: ResampleOptions) => {
    let state: Resampled = null;
    return given.flatMap(([at, value]) => {
      const step = resample(state, at, value, options);
      state = resampleSchema.parse(step.state);
      return step.points.map((point) => [point.ts, point.value]);
    });
  };

  it("lie on the line between two values, or are the last one", () => {
    const given = [
      [5, 0],
      [25, 20],
      [15, 99],
      [30, 7],
    ] as const;
    expect(run(given, { everyMs: 10, method: "linear", gapMs: 1000 })).toEqual([
      [10, 5],
      [20, 15],
      [30, 7],
    ]);
    expect(run(given, { everyMs: 10, method: "last", gapMs: 1000 })).toEqual([
      [10, 0],
      [20, 0],
      [30, 7],
    ]);
  });

  it("are not made up across a gap", () => {
    expect(
      run(
        [
          [5, 0],
          [40, 20],
          [55, 30],
        ],
        { everyMs: 10, method: "last", gapMs: 30 },
      ),
    ).toEqual([
      [40, 20],
      [50, 20],
    ]);
    expect(() =>
      run(
        [
          [0, 0],
          [5000, 1],
        ],
        { everyMs: 1, method: "last", gapMs: 1e9 },
      ),
    ).toThrow(RangeError);
  });

  it("are a point for every even time between the first and the last value", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(500), { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (times, everyMs) => {
        const given = times.toSorted((a, b) => a - b).map((at) => [at, 2 * at] as const);
        const made = run(given, { everyMs, method: "linear", gapMs: Infinity });
        const [from = 0, to = 0] = [given[0]?.[0], given.at(-1)?.[0]];
        const even = Array.from({ length: 501 }, (_, at) => at).filter(
          (at) => at % everyMs === 0 && at >= from && at <= to,
        );
        expect(made.map(([ts]) => ts)).toEqual(even);
        for (const [ts = 0, value = 0] of made) expect(value).toBeCloseTo(2 * ts, 9);
      }),
    );
  });
});
