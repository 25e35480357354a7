import { describe, expect, it } from "vitest";
import { madeControlRecord } from "../../../core/made-record.ts";
import { HEADER } from "../../../core/record.ts";
import { FUNCTIONS_STAGE as stage } from "../../../core/stage.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { WHOLE as ALL, isIn, runFunctions as run, slotsOf } from "../../support/canary-run.ts";
import { T0 } from "../../support/counting-stage.ts";
import { deploy, loadByWord as load, reading } from "../../support/deployed-stage.ts";
import { runStage, valuesOf, type StageRun } from "../../support/stage-run.ts";
import type { CanaryOutcome } from "../../../core/canary.ts";

/** `version: metrics` of each derived reading. */
const made = (of: StageRun): string[] =>
  (of.outputs.get("readings") ?? []).map(({ headers, value }) => {
    const { metrics } = JSON.parse(Buffer.from(value).toString());
    return `${new Map(headers).get(HEADER.functionVersion)} ${JSON.stringify(metrics)}`;
  });

describe("a canary", () => {
  it("goes on with the state that the live version has, and its outputs leave in the other's place", () => {
    const records = [
      deploy(0, "f", 1, "sum"),
      reading(1, "a", 3),
      deploy(2, "f", 1, "sum", 2, [2, "squares", ALL]),
      reading(3, "a", 3),
      reading(4, "a", 2),
    ];
    expect(made(run(records))).toEqual(['f@1 {"sum":3}', 'f@2 {"sum":12}', 'f@2 {"sum":16}']);
  });

  it("leaves nothing behind when it is taken back: the live version has gone on", () => {
    const records = [
      deploy(0, "f", 1, "sum"),
      reading(1, "a", 3),
      deploy(2, "f", 1, "sum", 2, [2, "squares", ALL]),
      reading(3, "a", 3),
      deploy(4, "f", 1, "sum"),
      reading(5, "a", 1),
    ];
    expect(made(run(records)).at(-1)).toBe('f@1 {"sum":7}');
    expect(slotsOf(run(records)).filter(({ fn }) => fn.includes("canary"))).toEqual([]);
  });

  it("is the function with what it keeps when it is promoted; other devices go on with the old state", () => {
    const inShare = ["a", "b", "c", "d", "e", "g", "h"].find((device) => isIn(device, "squares", 5000)) ?? "";
    const outside = ["a", "b", "c", "d", "e", "g", "h"].find((device) => !isIn(device, "squares", 5000)) ?? "";
    const records = [
      deploy(0, "f", 1, "sum"),
      deploy(1, "f", 1, "sum", 1, [2, "squares", 5000]),
      reading(2, inShare, 3),
      reading(3, outside, 3),
      deploy(4, "f", 2, "squares"),
      reading(5, inShare, 2),
      reading(6, outside, 2),
    ];
    expect(made(run(records))).toEqual(['f@2 {"sum":9}', 'f@1 {"sum":3}', 'f@2 {"sum":13}', 'f@2 {"sum":7}']);
    expect(slotsOf(run(records)).filter(({ fn }) => fn.includes("canary"))).toEqual([]);
  });

  it("that fails leaves a dead letter of its own, and the live version's outputs go in its place", () => {
    const records = [
      deploy(0, "f", 1, "sum"),
      deploy(1, "f", 1, "sum", 1, [2, "fails", ALL]),
      reading(2, "a", 3),
      reading(3, "a", -1),
      reading(4, "a", 5),
    ];
    const whole = run(records);
    expect(made(whole)).toEqual(['f@2 {"sum":3}', 'f@1 {"sum":2}', 'f@2 {"sum":8}']);
    expect(valuesOf(whole, "dead-letters")).toMatchObject([
      { function: "f@canary", version: 2, error: "not this one" },
    ]);
    expect(whole.totals.get("t/a")).toMatchObject({ processed: 3, deadLettered: 0 });
    expect(whole.state.deadLetters).toBe(0);
  });

  it("makes up for what the live version fails on", () => {
    const records = [
      deploy(0, "f", 1, "hopeless"),
      deploy(1, "f", 1, "hopeless", 1, [2, "sum", ALL]),
      reading(2, "a", 3),
      deploy(3, "f", 1, "hopeless", 3, [3, "hopeless", ALL]),
      reading(4, "a", 3),
    ];
    const whole = run(records);
    expect(made(whole)).toEqual(['f@2 {"sum":3}']);
    expect(valuesOf(whole, "dead-letters")).toMatchObject([{ function: "f@canary" }, { function: "f", version: 1 }]);
    expect(whole.totals.get("t/a")).toMatchObject({ processed: 1, deadLettered: 1 });
  });

  it("whose call is condemned costs its device nothing, and is called no more", () => {
    const records = [
      deploy(0, "f", 1, "timer"),
      deploy(1, "f", 1, "timer", 1, [2, "fails", ALL]),
      reading(2, "b", 1),
      reading(3, "a", 3),
      reading(4, "a", 2),
      reading(60, "b", 4),
      deploy(61, "f", 2, "fails"),
      reading(62, "b", 1),
    ];
    const verdicts = [{ offset: 3, step: 0, call: 2, errorClass: "TimeoutError", error: "too long" } as const];
    const whole = runStage(records, { stage, load, verdicts });
    expect(made(whole)).toEqual(['f@2 {"sum":1}', 'f@1 {"sum":3}', 'f@1 {"sum":5}', 'f@1 {"sum":5}', 'f@2 {"sum":6}']);
    expect(valuesOf(whole, "device-events").length).toBeGreaterThan(0);
    expect(
      whole.outputs
        .get("device-events")
        ?.every(({ headers }) => new Map(headers).get(HEADER.functionVersion) === "f@1"),
    ).toBe(true);
    expect(slotsOf(whole).filter(({ fn }) => fn.includes("canary"))).toEqual([]);
    expect(valuesOf(whole, "dead-letters")).toMatchObject([{ function: "f@canary", errorClass: "TimeoutError" }]);
  });

  it("fires its timers with those of the live version, and alone where only it has set one", () => {
    const script = (live: string, canary: string) =>
      run([
        deploy(0, "f", 1, live),
        deploy(1, "f", 1, live, 1, [2, canary, ALL]),
        reading(2, "a", 3),
        reading(60, "a", 3),
      ]);
    const firedBy = (of: StageRun) =>
      (of.outputs.get("device-events") ?? []).map(({ headers }) => new Map(headers).get(HEADER.functionVersion));
    expect(firedBy(script("timer", "fails"))).toEqual(["f@2"]);
    expect(firedBy(script("sum", "timer"))).toEqual(["f@2"]);
    expect(firedBy(script("timer", "sum"))).toEqual([]);
  });

  it("is gone with its function, and with its device", () => {
    const device = { tenant: "t", id: "a", type: null, labels: {}, disabled: false };
    const start = [
      deploy(0, "f", 1, "timer"),
      deploy(1, "f", 1, "timer", 1, [2, "timer", ALL]),
      reading(2, "a", 3),
      reading(3, "b", 3),
    ];
    const keysOf = (of: StageRun) => slotsOf(of).flatMap(({ fn, key }) => (fn.includes("canary") ? [key] : []));
    const removal = madeControlRecord(4, T0 + 4000, { v: 1, kind: "device", revision: 9, removed: true, device });
    expect(new Set(keysOf(run([...start, removal])))).toEqual(new Set(["t/b"]));
    expect(keysOf(run([...start, deploy(4, "f", 1, "")]))).toEqual([]);
  });

  it("tells what came of each call", () => {
    const outcomes: string[] = [];
    const compared = (version: string, outcome: CanaryOutcome): void => void outcomes.push(`${version} ${outcome}`);
    const meter = { begin: () => undefined, end: () => undefined, compared };
    const state = createStagePartition({ stage, partition: 0, generation: 0, load, meter });
    const bodies = [
      ["sum", "squares"],
      ["sum", "hopeless"],
      ["hopeless", "sum"],
      ["hopeless", "hopeless"],
    ] as const;
    let offset = 0;
    for (const [index, [live, canary]] of bodies.entries()) {
      state.process(deploy(offset, "f", 2 * index + 1, live, offset, [2 * index + 2, canary, ALL]));
      state.process(reading(offset + 1, "a", 1));
      state.process(reading(offset + 2, "a", 2));
      offset += 3;
    }
    expect(outcomes).toEqual([
      "f@2 same",
      "f@2 different",
      "f@4 canaryFailed",
      "f@4 canaryFailed",
      "f@6 liveFailed",
      "f@6 liveFailed",
      "f@8 bothFailed",
      "f@8 bothFailed",
    ]);
  });

  it("takes about its share of the devices, and loses none as it grows", () => {
    const devices = Array.from({ length: 400 }, (_, n) => `device-${n}`);
    const start = [deploy(0, "f", 1, "map"), deploy(1, "f", 1, "map", 1, [2, "sum", 1000])];
    const first = devices.map((device, n) => reading(2 + n, device, 1));
    const grow = deploy(500, "f", 1, "map", 500, [2, "sum", 5000]);
    const second = devices.map((device, n) => reading(501 + n, device, 1));
    const takers = (of: StageRun) =>
      (of.outputs.get("readings") ?? []).flatMap(({ key, headers }) =>
        new Map(headers).get(HEADER.functionVersion) === "f@2" ? [key] : [],
      );
    const before = takers(run([...start, ...first]));
    const after = takers(run([...start, ...first, grow, ...second])).slice(before.length);
    expect(before.length / 400).toBeGreaterThan(0.05);
    expect(before.length / 400).toBeLessThan(0.15);
    expect(after.length / 400).toBeGreaterThan(0.43);
    expect(after.length / 400).toBeLessThan(0.57);
    expect(before.filter((key) => !after.includes(key))).toEqual([]);
  });
});
