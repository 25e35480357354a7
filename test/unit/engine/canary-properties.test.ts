import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { madeControlRecord } from "../../../core/made-record.ts";
import { HEADER } from "../../../core/record.ts";
import { FUNCTIONS_STAGE as stage } from "../../../core/stage.ts";
import { WHOLE as ALL, isIn, runFunctions as run, slotsOf } from "../../support/canary-run.ts";
import { T0 } from "../../support/counting-stage.ts";
import { deploy, loadByWord as load, reading } from "../../support/deployed-stage.ts";
import { memoryColdState } from "../../support/memory-cold-state.ts";
import { outputBytes, runStage, type Interruption, type StageRun } from "../../support/stage-run.ts";
import type { LogRecord, RecordInput } from "../../../core/record.ts";
import type { TopicName } from "../../../core/topics.ts";

const tick = (offset: number) => madeControlRecord(offset, T0 + offset * 1000, { v: 1, kind: "tick" });
const DEVICES = ["a", "b", "c", "d", "e"];
const step = fc.record({
  device: fc.constantFrom(...DEVICES),
  x: fc.integer({ min: -3, max: 9 }),
  /** Seconds. */
  silence: fc.constantFrom(0, 0, 0, 30),
});
const steps = fc.array(step, { minLength: 4, maxLength: 15 });
const bodies = fc.constantFrom("map", "sum", "texts", "timer", "fails", "squares");
const shares = fc.constantFrom(1000, 3000, 5000, 8000, ALL);

/** Readings before a canary, while it runs at one share and at a greater one, and after its end. */
const story = fc.record({
  live: bodies,
  canary: bodies,
  shares: fc.tuple(shares, shares),
  parts: fc.tuple(steps, steps, steps, steps),
});
interface Story {
  readonly live: string;
  readonly canary: string;
  readonly shares: readonly [number, number];
  readonly parts: readonly (readonly { readonly device: string; readonly x: number; readonly silence: number }[])[];
}
/** What stands between the parts: the canary's begin, growth and end. A second function is there to be left alone. */
type Between = (offset: number, part: number) => LogRecord;

function recordsOf({ parts, live }: Story, between: Between): { records: LogRecord[]; end: number } {
  const records = [deploy(0, "f", 1, live), deploy(1, "g", 1, "sum")];
  let offset = 2;
  let end = 0;
  for (const [part, some] of parts.entries()) {
    for (const { device, x, silence } of some) {
      offset += silence;
      records.push(reading(offset, device, x));
      offset += 1;
    }
    if (part === 3) break;
    records.push(between(offset, part));
    end = offset;
    offset += 1;
  }
  return { records, end };
}

const withCanary =
  ({ live, canary, shares: [one, other] }: Story, promoted: boolean): Between =>
  (offset, part) => {
    if (part < 2) return deploy(offset, "f", 1, live, offset, [2, canary, part === 0 ? one : other]);
    return promoted ? deploy(offset, "f", 2, canary) : deploy(offset, "f", 1, live);
  };

interface Shown {
  readonly key: string | null;
  readonly offset: number;
  readonly text: string;
}

/** Outputs with everything but their place within the step, which a held back output has not got. */
function shown(of: StageRun, topics: readonly TopicName[] = ["readings", "device-events", "dead-letters"]): Shown[] {
  return topics.flatMap((topic) => (of.outputs.get(topic) ?? []).map((record) => shownOf(topic, record)));
}

function shownOf(topic: string, { key, headers, value }: RecordInput): Shown {
  const source = new Map(headers).get(HEADER.source) ?? "";
  const version = new Map(headers).get(HEADER.functionVersion) ?? "";
  const offset = Number(source.split(" ")[4]);
  return { key, offset, text: `${topic} ${key} ${offset} ${version} ${Buffer.from(value).toString()}` };
}

const textsOf = (all: readonly Shown[]) => all.map(({ text }) => text);

describe("a canary that is taken back", () => {
  it("has never been: outside its share always, and within it from its end on", () => {
    const counts = { outside: 0, inside: 0, after: 0 };
    fc.assert(
      fc.property(story, (told) => {
        const { records, end } = recordsOf(told, withCanary(told, false));
        const without = run(recordsOf(told, tick).records);
        const whole = run(records);
        const share = Math.max(...told.shares);
        const inside = new Set(DEVICES.filter((one) => isIn(one, told.canary, share)).map((one) => `t/${one}`));
        const isOutside = ({ key }: Shown) => !inside.has(key ?? "");
        const isAfter = ({ offset }: Shown) => offset > end;
        expect(textsOf(shown(whole).filter(isOutside))).toEqual(textsOf(shown(without).filter(isOutside)));
        expect(textsOf(shown(whole).filter(isAfter))).toEqual(textsOf(shown(without).filter(isAfter)));
        expect(slotsOf(whole)).toEqual(slotsOf(without));
        counts.outside += shown(whole).filter(isOutside).length;
        counts.inside += shown(whole).filter((one) => !isOutside(one)).length;
        counts.after += shown(whole).filter((one) => isAfter(one) && !isOutside(one)).length;
      }),
      { numRuns: 200 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(500);
  });

  it("that fails on every reading has changed no output at all", () => {
    fc.assert(
      fc.property(story, (drawn) => {
        const told = { ...drawn, canary: "hopeless" };
        const letters = (of: StageRun) => shown(of).filter(({ text }) => !text.includes('"function":"f@canary"'));
        const { records } = recordsOf(told, withCanary(told, false));
        expect(textsOf(letters(run(records)))).toEqual(textsOf(letters(run(recordsOf(told, tick).records))));
      }),
      { numRuns: 100 },
    );
  });
});

describe("a canary that is promoted", () => {
  it("has made, for the devices of its first share, what a deploy in its place would have", () => {
    let compared = 0;
    fc.assert(
      fc.property(story, fc.constantFrom("sum", "squares", "map"), fc.constantFrom("sum", "squares"), (drawn, a, b) => {
        const told = { ...drawn, live: a, canary: b };
        const whole = run(recordsOf(told, withCanary(told, true)).records);
        const deployed = run(
          recordsOf(told, (offset, part) => (part === 0 ? deploy(offset, "f", 2, told.canary) : tick(offset))).records,
        );
        const inside = new Set(
          DEVICES.filter((one) => isIn(one, told.canary, told.shares[0])).map((one) => `t/${one}`),
        );
        const isInside = ({ key }: { readonly key: string | null }) => inside.has(key ?? "");
        expect(textsOf(shown(whole).filter(isInside))).toEqual(textsOf(shown(deployed).filter(isInside)));
        expect(slotsOf(whole).filter(isInside)).toEqual(slotsOf(deployed).filter(isInside));
        compared += inside.size;
      }),
      { numRuns: 100 },
    );
    expect(compared).toBeGreaterThan(100);
  });
});

describe("a restore while a canary runs", () => {
  it("changes neither outputs nor state", () => {
    const interruptions = fc.array(
      fc.constantFrom<Interruption>("none", "none", "seal", "snapshot", "restart", "restart-unsealed"),
      { minLength: 1, maxLength: 40 },
    );
    const cold = memoryColdState(0);
    fc.assert(
      fc.property(story, fc.boolean(), interruptions, (told, promoted, script) => {
        const { records } = recordsOf(told, withCanary(told, promoted));
        const whole = run(records);
        const interrupted = runStage(records, {
          stage,
          load,
          // Whatever is not used is put away, too.
          cold,
          interrupt: (call) => script[call % (script.length + 1)] ?? "seal",
        });
        expect(outputBytes(interrupted)).toEqual(outputBytes(whole));
        expect(slotsOf(interrupted)).toEqual(slotsOf(whole));
        expect(interrupted.totals).toEqual(whole.totals);
      }),
      { numRuns: 300 },
    );
  });
});
