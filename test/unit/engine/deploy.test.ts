import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEADER } from "../../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { T0 } from "../../support/counting-stage.ts";
import { deploy, loadByWord as load, reading } from "../../support/deployed-stage.ts";
import { controlLogRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf, type Interruption } from "../../support/stage-run.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageRun } from "../../support/stage-run.ts";

const stage = FUNCTIONS_STAGE;
const run = (records: readonly LogRecord[]): StageRun => runStage(records, { stage, load });
const metricsOf = (of: StageRun): unknown[] => valuesOf(of, "readings").map((value) => Object(value).metrics);
const versionsOf = (of: StageRun): unknown[] =>
  (of.outputs.get("readings") ?? []).map(({ headers }) => new Map(headers).get(HEADER.functionVersion));
const slotsOf = ({ state }: StageRun) => [...state.snapshotChunks()].flatMap(({ slots }) => slots);

describe("a function", () => {
  it("runs from its deploy record on, and its outputs carry its version", () => {
    const made = run([reading(0, "a", 1), deploy(1, "f", 3, "map"), reading(2, "a", 2)]);
    expect(metricsOf(made)).toEqual([{ twice: 4 }]);
    expect(versionsOf(made)).toEqual(["f@3"]);
  });

  it("is replaced at the deploy record of its next version, which goes on with its state", () => {
    const made = run([deploy(0, "f", 1, "sum"), reading(1, "a", 1), deploy(2, "f", 2, "sum"), reading(3, "a", 2)]);
    expect(metricsOf(made)).toEqual([{ sum: 1 }, { sum: 3 }]);
    expect(versionsOf(made)).toEqual(["f@1", "f@2"]);
  });

  it("is gone with its state and timers when it is taken back", () => {
    const made = run([deploy(0, "f", 1, "timer"), reading(1, "a", 1), deploy(2, "f", 1, ""), reading(500, "a", 2)]);
    expect(metricsOf(made)).toEqual([{ sum: 1 }]);
    expect(slotsOf(made).filter(({ fn }) => fn === "f")).toEqual([]);
    expect(valuesOf(made, "device-events")).toEqual([]);
  });

  it("sets no other function's readings in motion, whatever their names", () => {
    const made = run([deploy(0, "a", 1, "map"), deploy(1, "b", 1, "map"), reading(2, "d", 2)]);
    expect(metricsOf(made)).toEqual([{ twice: 4 }, { twice: 4 }]);
  });

  it("answers the timers that an earlier version has set", () => {
    const script = (body: string) => [
      deploy(0, "f", 1, "timer"),
      reading(1, "a", 1),
      deploy(2, "f", 2, body),
      reading(60, "a", 1),
    ];
    expect(valuesOf(run(script("timer")), "device-events")).toHaveLength(1);
    expect(valuesOf(run(script("sum")), "device-events")).toHaveLength(0);
  });
});

describe("a deploy record", () => {
  it("whose code throws is a dead letter, and the version before runs on", () => {
    const made = run([deploy(0, "f", 1, "map"), deploy(1, "f", 2, "throws"), reading(2, "a", 2)]);
    expect(versionsOf(made)).toEqual(["f@1"]);
    expect(valuesOf(made, "dead-letters")).toMatchObject([{ function: "$control", error: "it cannot be loaded" }]);
  });

  it("that comes again, or late, changes nothing", () => {
    const made = run([
      deploy(0, "f", 2, "map", 7),
      deploy(1, "f", 1, "sum", 6),
      deploy(2, "f", 2, "map", 7),
      reading(3, "a", 1),
    ]);
    expect(versionsOf(made)).toEqual(["f@2"]);
  });

  it("of another stage, or in one that loads nothing, changes nothing", () => {
    const control = { v: 1, kind: "deploy", revision: 1, stage: "other", removed: false } as const;
    const version = { name: "f", version: 1, hash: "", code: "f map" };
    const made = run([controlLogRecord(0, T0, { ...control, function: version }), reading(1, "a", 1)]);
    expect(metricsOf(made)).toEqual([]);
    const without = runStage([deploy(0, "f", 1, "map"), reading(1, "a", 1)], { stage });
    expect(valuesOf(without, "dead-letters")).toHaveLength(1);
  });

  it("whose function keeps what it cannot read makes dead letters, and ends nothing", () => {
    const made = run([deploy(0, "f", 1, "sum"), reading(1, "a", 1), deploy(2, "f", 2, "texts"), reading(3, "a", 1)]);
    expect(valuesOf(made, "dead-letters")).toMatchObject([
      { function: "f", version: 2, error: expect.stringContaining("does not have its shape") },
    ]);
  });
});

describe("a reading that is none of the stage's", () => {
  it("passes by when another stage made it, or it came before", () => {
    const made = run([
      deploy(0, "f", 1, "map"),
      reading(1, "a", 1, "functions readings 0 1 5 0 0"),
      reading(2, "a", 2, "main telemetry 0 1 9 0 0"),
      reading(3, "a", 3, "main telemetry 0 1 9 0 0"),
      reading(4, "a", 4, "main telemetry 0 1 8 0 0"),
      reading(5, "a", 5, "main telemetry 0 2 8 0 0"),
    ]);
    expect(metricsOf(made)).toEqual([{ twice: 4 }, { twice: 10 }]);
    expect(made.totals.get("")).toMatchObject({ control: 4 });
  });

  it("passes by when its device has been removed meanwhile", () => {
    const device = { tenant: "t", id: "a", type: null, labels: {}, disabled: false };
    const removal = controlLogRecord(1, T0, { v: 1, kind: "device", revision: 1, removed: true, device });
    expect(metricsOf(run([deploy(0, "f", 1, "map"), removal, reading(2, "a", 1), reading(3, "b", 1)]))).toEqual([
      { twice: 2 },
    ]);
  });
});

/** What a partition may meet, one after the other. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("reading"),
      device: fc.constantFrom("a", "b", "c"),
      x: fc.integer({ min: -3, max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("deploy"),
      name: fc.constantFrom("f", "g"),
      body: fc.constantFrom("map", "sum", "texts", "timer", "timer", "throws", ""),
    }),
  },
);
type ScriptStep = typeof step extends fc.Arbitrary<infer Step> ? Step : never;

function recordsOf(steps: readonly ScriptStep[]): LogRecord[] {
  return steps.map((one, index) => {
    // Silence now and then, so that timers fire.
    const offset = index + Math.floor(index / 7) * 40;
    return "device" in one ? reading(offset, one.device, one.x) : deploy(offset, one.name, index + 1, one.body);
  });
}

describe("the same records", () => {
  it("give the same bytes and the same state, wherever units end and whenever it is restored", () => {
    const interruptions = fc.array(
      fc.constantFrom<Interruption>("none", "none", "seal", "snapshot", "restart", "restart-unsealed"),
      { minLength: 1, maxLength: 40 },
    );
    const counts = { deployed: 0, letters: 0, events: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 15, maxLength: 40 }), interruptions, (steps, script) => {
        const records = recordsOf(steps);
        const whole = run(records);
        const interrupted = runStage(records, {
          stage,
          load,
          // At its end a unit, so that each round comes further.
          interrupt: (call) => script[call % (script.length + 1)] ?? "seal",
        });
        expect(outputBytes(interrupted)).toEqual(outputBytes(whole));
        expect(slotsOf(interrupted)).toEqual(slotsOf(whole));
        counts.deployed += versionsOf(whole).length;
        counts.letters += valuesOf(whole, "dead-letters").length;
        counts.events += valuesOf(whole, "device-events").length;
      }),
      { numRuns: 300 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
  });

  it("give the same state in a partition that goes on from another owner's units", () => {
    const script = [deploy(0, "f", 1, "timer"), reading(1, "a", 1), deploy(2, "f", 2, "sum"), reading(3, "a", 2)];
    const rest = [reading(60, "a", 3), deploy(61, "f", 3, ""), reading(62, "a", 1)];
    for (let at = 1; at <= script.length; at += 1) {
      const whole = createStagePartition({ stage, partition: 0, generation: 0, load });
      const warm = createStagePartition({ stage, partition: 0, generation: 0, load });
      for (const record of script.slice(0, at)) for (const one of [whole, warm]) one.process(record);
      whole.seal();
      warm.seal();
      for (const record of script.slice(at)) whole.process(record);
      const unit = whole.seal();
      warm.resume(unit === null ? [] : [unit.body]);
      const ends = [whole, warm].map((one) => {
        for (const record of rest) one.process(record);
        const sealed = [...(one.seal()?.outputs ?? [])];
        const outputs = sealed.map(([topic, records]) => [topic, encodeRecordBatch(records)]);
        return [outputs, [...one.snapshotChunks()]];
      });
      expect(ends[1]).toEqual(ends[0]);
    }
  });
});
