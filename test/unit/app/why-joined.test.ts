import { describe, expect, it } from "vitest";
import { createWhyJoined } from "../../../app/why/explain-join.ts";
import { MillraceError } from "../../../core/errors.ts";
import { HEADER } from "../../../core/record.ts";
import { JOINS_STAGE } from "../../../core/stage.ts";
import { joinStage } from "../../../kit/function-stages.ts";
import { loadFunctions } from "../../../runtime/load-functions.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { runStage } from "../../support/stage-run.ts";
import { recordAt } from "../../../core/made-record.ts";
import type { Repartitioned } from "../../../core/derived-records.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { Explanation, WhyJoined } from "../../../core/why.ts";

const T0 = Date.UTC(2026, 0, 1);
const SECOND = 1000;

const codeOf = (join: string): string => `
const { defineJoin, z } = require("millrace/function");
exports.sums = defineJoin({
  name: "sums",
  key: () => "line-1",
  left: { input: z.object({ a: z.number() }) },
  right: { input: z.object({ b: z.number() }) },
  within: "5s",
  outer: "left",
  join: ${join},
});`;
const SUM = codeOf("(left, right) => ({ ['sum_' + left.metrics.a + '_' + (right?.metrics.b ?? 'none')]: 1 })");

interface Sent {
  readonly side: "left" | "right";
  /** s from T0; also its value. */
  readonly at: number;
  readonly fn?: string;
  readonly key?: string;
  /** Sent again, as after a crash. */
  readonly again?: boolean;
}

const sentRecord = ({ side, at, fn = "sums", key = "line-1", again = false }: Sent, index: number): RecordInput => {
  const ts = T0 + at * SECOND;
  const value: Repartitioned = {
    v: 1,
    tenant: "t",
    device: side === "left" ? "meter" : "counter",
    key,
    function: fn,
    side,
    ts,
    received: ts,
    metrics: side === "left" ? { a: at } : { b: at },
  };
  const source = `functions readings 0 0 ${again ? index - 1 : index} 0 0`;
  const headers = [[HEADER.source, source]] as const;
  return {
    timestamp: T0 + (100 + index) * SECOND,
    key: `t/${key}`,
    value: Buffer.from(JSON.stringify(value)),
    headers,
  };
};

interface Told {
  readonly code?: string;
  readonly live?: string;
  readonly startsAt?: number;
  readonly name?: string;
}

/** What was sent to be joined, in the log with what the join made of it; explained with this code, which made it unless `live` did. */
function whyOf(sent: readonly Sent[], { code = SUM, live = code, startsAt = 0, name = "sums" }: Told = {}): WhyJoined {
  const log = createMemoryEventLog({ partitionCount: 1 });
  const records = sent.map(sentRecord);
  log.appendNow("repartition", 0, records);
  const stage = joinStage(loadFunctions(live));
  if (stage === null) throw new TypeError("it joins nothing");
  const run = runStage(
    records.map((record, offset) => recordAt(record, offset)),
    { stage: { ...JOINS_STAGE, functions: stage.functions } },
  );
  for (const [topic, outputs] of run.outputs) log.appendNow(topic, 0, outputs);
  if (startsAt > 0) log.trim("repartition", 0, startsAt);
  return createWhyJoined({
    log,
    registry: {
      functions: {
        code: async (asked, version) => {
          if (asked !== name) throw new MillraceError("NOT_FOUND", `no function ${asked}`);
          return { name, version: version ?? 1, hash: "", code };
        },
      },
      config: { types: async () => [], tables: async () => [] },
      devices: { get: async () => null },
    },
  });
}

const reading = (metric: string, at: number) =>
  ({ kind: "reading", device: "line-1", metric, ts: T0 + at * SECOND }) as const;
const causesOf = ({ messages }: Explanation) =>
  messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics);

const STORY: readonly Sent[] = [
  { side: "left", at: 1 },
  { side: "left", at: 2 },
  { side: "right", at: 3 },
  { side: "right", at: 4 },
  { side: "left", at: 3 },
];

describe("why a join made a reading", () => {
  it("is its two readings of all that could have met, and the state that they met", async () => {
    const explained = await whyOf(STORY).explain("t", reading("sum_2_4", 4));
    expect(causesOf(explained)).toEqual([{ a: 2 }, { b: 4 }]);
    expect(explained).toMatchObject({ function: "sums@1", isReproduced: true, notes: [], topic: "readings" });
    expect(explained).toMatchObject({ counts: { causes: 2, messages: 4, records: 4 }, source: { offset: 3 } });
    expect(JSON.stringify(explained.before)).not.toContain('"b":4');
    expect(JSON.stringify(explained.after)).toContain('"b":4');
    expect(explained.messages.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => "processed"));
  });

  it("looks at nothing of other functions and keys, and tells what came a second time", async () => {
    const [first, second, ...rest] = STORY;
    if (first === undefined || second === undefined) throw new TypeError("the story is short");
    const others: readonly Sent[] = [
      { side: "left", at: 2, fn: "others" },
      { side: "left", at: 2, key: "line-2" },
    ];
    const explained = await whyOf([first, { ...first, again: true }, ...others, second, ...rest]).explain(
      "t",
      reading("sum_1_3", 3),
    );
    expect(causesOf(explained)).toEqual([{ a: 1 }, { b: 3 }]);
    expect(explained.messages.map(({ outcome }) => outcome)).toEqual([
      "processed",
      "duplicate",
      "processed",
      "processed",
    ]);
    expect(explained.isReproduced).toBe(true);
  });

  it("is one reading where no partner came, made when both sides were beyond it", async () => {
    const sent: readonly Sent[] = [
      { side: "left", at: 1 },
      { side: "right", at: 30 },
      { side: "left", at: 40 },
    ];
    const explained = await whyOf(sent).explain("t", reading("sum_1_none", 1));
    expect(causesOf(explained)).toEqual([{ a: 1 }]);
    expect(explained).toMatchObject({ isReproduced: true, source: { offset: 2 } });
  });

  it("is not claimed when its first message is gone, or another version makes something else", async () => {
    const trimmed = await whyOf(STORY, { startsAt: 2 }).explain("t", reading("sum_2_4", 4));
    expect(trimmed.isReproduced).toBe(false);
    expect(trimmed.notes.join(" ")).toMatch(/Retention has deleted older records.*do not give this output/);
    const other = await whyOf(STORY, { live: SUM, code: codeOf("() => ({ other: 1 })") }).explain(
      "t",
      reading("sum_2_4", 4),
    );
    expect(other).toMatchObject({ isReproduced: false, counts: { causes: 0 } });
  });

  it("is refused where there is none, of another tenant's, and of a function that is gone", async () => {
    const why = whyOf(STORY);
    await expect(why.explain("t", reading("sum_2_4", 5))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(why.explain("u", reading("sum_2_4", 4))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const gone = whyOf(STORY, { name: "other" });
    await expect(gone.explain("t", reading("sum_2_4", 4))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("ends when the function does not, and goes on with the next question", { timeout: 60_000 }, async () => {
    const why = whyOf(STORY, { live: SUM, code: codeOf("() => { for (;;); }") });
    const [endless, none] = await Promise.allSettled([
      why.explain("t", reading("sum_2_4", 4)),
      why.explain("t", reading("sum_9_9", 9)),
    ]);
    expect(endless).toMatchObject({ reason: { code: "TIMED_OUT" } });
    expect(none).toMatchObject({ reason: { code: "NOT_FOUND" } });
  });
});

describe("why a join failed", () => {
  it("is the pair on which it did", async () => {
    const throws = codeOf("(left, right) => { if (left.metrics.a + right.metrics.b === 6) throw new Error('six'); }");
    const explained = await whyOf(STORY, { code: throws }).explain("t", {
      kind: "dead-letter",
      partition: 0,
      offset: 3,
    });
    expect(explained).toMatchObject({ isReproduced: true, topic: "dead-letters", output: { error: "six" } });
    expect(causesOf(explained)).toEqual([{ a: 2 }, { b: 4 }]);
    expect(explained.messages.at(-1)?.outcome).toBe("deadLettered");
  });
});
