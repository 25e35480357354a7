import { describe, expect, it } from "vitest";
import { runInProcess } from "../../../app/why/run-in-process.ts";
import { HEADER, type Header, type LogRecord, type RecordInput } from "../../../core/record.ts";
import { all } from "../../support/why-story.ts";
import { counting, deploy, functionsLog, T0, whyOfFunctions } from "../../support/why-functions.ts";
import type { WhyQuestion } from "../../../core/why.ts";

const [ONE, TWO] = [counting(1), counting(100)];
const CODES = { 1: ONE, 2: TWO };
/** What a replay writes in the place of a reading. */
function corrected(
  made: LogRecord | undefined,
  source: string,
  replaces: string | undefined,
  metrics: object,
): RecordInput {
  const reading: unknown = JSON.parse(Buffer.from(made?.value ?? []).toString());
  const value = Buffer.from(JSON.stringify({ ...Object(reading), metrics }));
  const headers: Header[] = [
    [HEADER.source, source],
    [HEADER.functionVersion, "counting@2"],
    [HEADER.replaces, replaces ?? ""],
  ];
  return { timestamp: T0 + 3_600_000, key: "t/a", value, headers };
}

const at = (second: number): WhyQuestion => {
  return { kind: "reading", device: "a", metric: "counted", ts: T0 + second * 1000 };
};

describe("why a function made a reading", () => {
  it("is every reading of its device that its state was made of, each by the version that was deployed then", async () => {
    const log = await functionsLog([deploy(1, ONE), 1, -1, 2, deploy(2, TWO), 3, -2, 4]);
    const why = whyOfFunctions(log, CODES);
    expect(await why.explain("t", at(3))).toMatchObject({
      function: "counting@1",
      isReproduced: true,
      notes: [],
      output: { metrics: { counted: 2 } },
      inputs: { fromOffset: 1, toOffset: 3 },
    });
    const late = await why.explain("t", at(7));
    expect(late).toMatchObject({ function: "counting@2", isReproduced: true, output: { metrics: { counted: 202 } } });
    expect(late.messages.map(({ offset, isCause }) => [offset, isCause])).toEqual([
      [1, true],
      [3, true],
      [5, true],
      [7, true],
    ]);
    expect(JSON.stringify(late.before)).toContain('"count":102');
    expect(JSON.stringify(late.after)).toContain('"count":202');
  });

  it("counts what a call has read of the state, whether or not it has used it", async () => {
    const code = counting(1, "if (n === 0) return { state: { count: 0 }, emit: { counted: 0 } };");
    const log = await functionsLog([deploy(1, code), 1, 2, 0, 3]);
    const explained = await whyOfFunctions(log, { 1: code }).explain("t", at(4));
    expect(explained).toMatchObject({ isReproduced: true, counts: { causes: 4, messages: 4 } });
  });

  it("is not claimed when retention has deleted what it was made of, and taken from the registry's code", async () => {
    const log = await functionsLog([deploy(1, ONE), 1, 2, 3, 4]);
    log.trim("readings", 0, 3);
    const explained = await whyOfFunctions(log, CODES).explain("t", at(4));
    expect(explained.isReproduced).toBe(false);
    expect(explained.notes.join(" ")).toMatch(/Retention has deleted older readings.*do not give this output/);
  });

  it("says so when no code of the version is left, and when the record itself is gone", async () => {
    const log = await functionsLog([deploy(1, ONE), 1, 2]);
    log.trim("readings", 0, 2);
    await expect(whyOfFunctions(log, {}).explain("t", at(2))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("the code of counting@1, which made this, is neither in the log"),
    });
  });

  it("is told of a canary as what it was", async () => {
    const log = await functionsLog([deploy(1, ONE), 1, deploy(1, ONE, { version: 2, code: TWO }), 2, 3]);
    const explained = await whyOfFunctions(log, CODES).explain("t", at(4));
    expect(explained).toMatchObject({ function: "counting@2", isReproduced: true });
    expect(explained.notes).toEqual([
      "counting@2 was a canary then: it ran for a share of the devices, beside counting@1.",
    ]);
  });

  it("is not told of what a replay has withdrawn, until one has put it back", async () => {
    const log = await functionsLog([deploy(1, ONE), 1, 2]);
    const why = whyOfFunctions(log, CODES);
    const made = (await all(log, "readings")).findLast(
      (record) => record.header(HEADER.functionVersion) === "counting@1",
    );
    const replay = "replay readings 0 9 2 0 0";
    log.appendNow("readings", 0, [corrected(made, replay, made?.header(HEADER.source), {})]);
    await expect(why.explain("t", at(2))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("has withdrawn this"),
    });
    log.appendNow("readings", 0, [corrected(made, "replay readings 0 10 2 0 0", replay, { counted: 2 })]);
    await expect(why.explain("t", at(2))).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("a replay has put this in the place"),
    });
  });

  it("is refused of a join", async () => {
    const log = await functionsLog([deploy(1, ONE), 1]);
    await expect(whyOfFunctions(log, CODES, "join").explain("t", at(1))).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("counting is a join"),
    });
  });
});

describe("why a function failed", () => {
  const failing = counting(1, 'if (n === 2) throw new Error("two");');
  const letter: WhyQuestion = { kind: "dead-letter", topic: "readings", partition: 0, offset: 2 };

  it("is told of a canary also where its deploy is not read", async () => {
    const log = await functionsLog([deploy(1, ONE), deploy(1, ONE, { version: 2, code: failing }), 2]);
    const explained = await whyOfFunctions(log, { 1: ONE, 2: failing }, "map").explain("t", letter);
    expect(explained).toMatchObject({ function: "counting@2", output: { function: "counting@canary" } });
    expect(explained).toMatchObject({
      isReproduced: true,
      notes: ["counting@2 was a canary then: it ran for a share of the devices."],
    });
  });

  it("is told of each of those that failed on the record", async () => {
    const both = deploy(1, failing, { version: 2, code: counting(2, 'throw new Error("always");') });
    const why = whyOfFunctions(await functionsLog([deploy(1, failing), both, 2]), CODES);
    for (const [name, error] of [
      ["counting", "two"],
      ["counting@canary", "always"],
    ] as const) {
      const explained = await why.explain("t", { ...letter, function: name });
      expect(explained).toMatchObject({ isReproduced: true, output: { function: name, error } });
    }
    await expect(why.explain("t", { ...letter, function: "other" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("has the payload among the readings with which a dead letter was run again", async () => {
    const reading = { v: 1, tenant: "t", device: "a", ts: T0 + 2000, received: T0 + 2000, metrics: { n: 3 } };
    const payload = Buffer.from(JSON.stringify(reading)).toString("base64");
    const of = { function: "counting", attempt: 1, tenant: "t", device: "a", received: T0 + 2000, headers: [] };
    const source = { topic: "readings", partition: 0, offset: 2 };
    const again = { v: 1, kind: "redrive", stage: "functions", ...of, source, payload, editedBy: "somebody" } as const;
    const why = whyOfFunctions(await functionsLog([deploy(1, failing), 1, 2, again]), { 1: failing });
    const explained = await why.explain("t", at(2));
    expect(explained).toMatchObject({ isReproduced: true, inputs: { fromOffset: 1, toOffset: 3 } });
    expect(explained.messages.map(({ offset, outcome, readings }) => [offset, outcome, readings[0]?.metrics])).toEqual([
      [1, "processed", { n: 1 }],
      [2, "deadLettered", { n: 2 }],
      [3, "processed", { n: 3 }],
    ]);
  });
});

describe("the thread in which a function is run again", () => {
  const request = (code: string) => {
    const value = Buffer.from('{"v":1,"kind":"tick"}');
    const tick = { offset: 3, timestamp: T0, key: null, value, headers: [["kind", "tick"]] } as const;
    const of = { key: "t/a", partition: 0, stage: "functions", function: "counting" };
    return { ...of, before: [deploy(1, code)], records: [tick] };
  };
  const workers = () => process.getActiveResourcesInfo().filter((name) => name === "Worker").length;

  it("ends when the code never comes back", async () => {
    const before = workers();
    await expect(runInProcess(request("for (;;);"), { whyRunMsMax: 300 })).rejects.toMatchObject({ code: "TIMED_OUT" });
    expect(workers()).toBe(before);
  });

  it("ends when the code takes more memory than it may have", async () => {
    const greedy = request("const kept = []; for (;;) kept.push({ some: kept.length });");
    await expect(runInProcess(greedy, { whyRunMsMax: 60_000 })).rejects.toMatchObject({
      code: "FUNCTION_INVALID",
      message: expect.stringContaining("memory"),
    });
  });

  it("says nothing of code that does not load but that it makes nothing", async () => {
    const { outputs, failed } = await runInProcess(request("throw new Error('none');"));
    expect({ outputs, failed }).toEqual({ outputs: [], failed: [] });
  });
});
