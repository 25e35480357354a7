import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { defineJoin, z } from "../../../kit/function.ts";
import { runFunction } from "../../../kit/testing.ts";

const START = Date.UTC(2026, 0, 1);

const energyPerPart = defineJoin({
  name: "energy-per-part",
  key: ({ labels }) => labels["line"],
  left: { select: { type: "meter" }, input: z.object({ power: z.number() }) },
  right: { select: { type: "counter" }, input: z.object({ parts: z.number().min(1) }) },
  within: "30s",
  join: (left, right) => ({ energy_per_part: left.metrics.power / right.metrics.parts }),
});

const line = { line: "line-1" };
const DEVICES = [
  { configure: "meter", type: "meter", labels: line },
  { configure: "counter", type: "counter", labels: line },
];

const reading = (device: string, second: number, metrics: Record<string, number>) => ({
  device,
  ts: START + second * 1000,
  metrics,
});

describe("a join", () => {
  it("meets readings of two devices with a key in common, as readings of the key's device at the later time", () => {
    const { readings, deadLetters, skipped } = runFunction(energyPerPart, [
      ...DEVICES,
      reading("meter", 0, { power: 100, voltage: 230 }),
      reading("counter", 30, { parts: 5 }),
      reading("counter", 31, { parts: 4 }),
      reading("meter", 40, { power: 80 }),
      reading("other", 40, { power: 80 }),
    ]);
    expect(deadLetters).toEqual([]);
    expect(readings.map(({ device, ts, metrics }) => [device, (ts - START) / 1000, metrics])).toEqual([
      ["line-1", 30, { energy_per_part: 20 }],
      ["line-1", 40, { energy_per_part: 16 }],
      ["line-1", 40, { energy_per_part: 20 }],
    ]);
    expect(skipped).toBe(1);
  });

  it("gives a result for a reading without a partner when its time is over, by readings, by silence or by a flush", () => {
    const alone = defineJoin({
      name: "alone",
      key: () => "k",
      left: { input: z.object({ a: z.number() }) },
      right: { input: z.object({ b: z.number() }) },
      within: "10s",
      idle: "1min",
      outer: "both",
      join: (left, right) => ({ a: left?.metrics.a, b: right?.metrics.b }),
    });
    const at = (made: ReturnType<typeof runFunction>) =>
      made.readings.map(({ ts, received, metrics }) => [(ts - START) / 1000, (received - START) / 1000, metrics]);
    const first = reading("x", 0, { a: 1 });
    const behind = runFunction(alone, [first, reading("y", 11, { b: 2 }), reading("x", 10, { a: 3 })]);
    expect(at(behind)).toEqual([[11, 11, { a: 3, b: 2 }]]);
    // Both sides have come beyond its last partner, 10.
    const beyond = runFunction(alone, [first, reading("y", 11, { b: 2 }), reading("x", 10.001, { a: 4 })]);
    expect(at(beyond)).toEqual([
      [0, 11, { a: 1 }],
      [11, 11, { a: 4, b: 2 }],
    ]);
    const tick = (second: number) => ({ tick: START + second * 1000 });
    expect(at(runFunction(alone, [first, tick(70)]))).toEqual([]);
    expect(at(runFunction(alone, [first, tick(70.001)]))).toEqual([[0, 70.001, { a: 1 }]]);
    expect(at(runFunction(alone, [first, reading("x", 20, { a: 2 })], { until: START + 10_000 }))).toEqual([]);
    expect(at(runFunction(alone, [first, reading("x", 20, { a: 2 })], { until: START + 10_001 }))).toEqual([
      [0, 20, { a: 1 }],
    ]);
  });

  it("tells of a reading that is too late, and of one that it has no room for", () => {
    const pairs = defineJoin({
      name: "pairs",
      left: { input: z.object({ a: z.number() }), key: ({ metrics }) => `k${metrics.a}` },
      right: { input: z.object({ b: z.number() }), key: ({ metrics }) => `k${metrics.b}` },
      within: "1h",
      join: () => ({ met: true }),
    });
    const late = runFunction(pairs, [
      reading("x", 10, { a: 1 }),
      reading("y", 10, { b: 1 }),
      reading("x", 9, { a: 1 }),
    ]);
    expect(late.events.map(({ device, kind, detail }) => [device, kind, detail])).toEqual([
      ["k1", "late-dropped", "the left reading of x at 2026-01-01T00:00:09.000Z came too late for pairs"],
    ]);
    const many = Array.from({ length: LIMITS.joinReadingsPerSideMax + 1 }, (_, index) => reading("x", index, { a: 2 }));
    const full = runFunction(pairs, [...many, reading("y", many.length, { b: 2 })]);
    expect(full.events.map(({ kind, detail }) => [kind, detail])).toEqual([
      [
        "join-full",
        "pairs keeps 1000 readings of this side and key, and not the left reading of x at 2026-01-01T00:16:40.000Z",
      ],
    ]);
    expect(full.readings).toHaveLength(LIMITS.joinReadingsPerSideMax);
  });

  it("makes a dead letter of a reading whose key is no id, of the device, and of one that it throws on, of the key's", () => {
    const picky = defineJoin({
      name: "picky",
      left: { input: z.object({ a: z.string() }), key: ({ metrics }) => metrics.a },
      right: { input: z.object({ b: z.number() }), key: () => "k" },
      within: "10s",
      outer: "left",
      join(left, right) {
        if (right === undefined) throw new Error("nobody came");
        return { met: left.metrics.a };
      },
    });
    const { readings, deadLetters } = runFunction(
      picky,
      [
        { device: "x", ts: START, metrics: { a: "no id" } },
        { device: "x", ts: START, metrics: { a: "k" } },
        reading("y", 20, { b: 1 }),
        { device: "x", ts: START + 20_000, metrics: { a: "k" } },
      ],
      { until: START + 60_000 },
    );
    expect(deadLetters.map(({ device, error, timer }) => [device, error, timer?.at])).toEqual([
      [
        "x",
        'picky: its key "no id" of x is no id: return 1–128 characters of A–Z a–z 0–9 _ . : -, or undefined to leave it out',
        undefined,
      ],
      ["k", "nobody came", START + 10_001],
    ]);
    expect(readings.map(({ metrics }) => metrics)).toEqual([{ met: "k" }]);
  });

  const good = {
    name: "good",
    key: () => "k",
    left: { input: z.object({ a: z.number() }) },
    right: { input: z.object({ b: z.number() }) },
    within: "10s",
    join: () => ({}),
  } as const;
  it.each([
    [{ key: undefined }, "left has no key"],
    [{ within: undefined }, "it does not say how near partners must be"],
    [{ before: "1s", within: undefined }, "it does not say how near partners must be"],
    [{ within: "32d" }, "it would keep readings for longer than 31 d"],
    [{ outer: "all" }, 'outer is "all"'],
    [{ stateVersion: 0 }, "stateVersion is 0"],
    [{ join: undefined }, "join is no function"],
    [{ left: undefined }, "left is missing"],
    [{ idle: "soon" }, 'idle is "soon", which is no length of time'],
  ])("that is wrong (%j) is refused", (wrong, text) => {
    // Without types, as JavaScript would call it.
    const define = (definition: object): unknown => Reflect.apply(defineJoin, undefined, [definition]);
    expect(() => define({ ...good, ...wrong })).toThrow(text);
    expect(() => define({ ...good, ...wrong })).toThrow(expect.objectContaining({ code: "FUNCTION_INVALID" }));
    expect(() => define(good)).not.toThrow();
  });
});
