import { describe, expect, it } from "vitest";
import { runInProcess } from "../../../app/why/run-in-process.ts";
import { counting, deploy, functionsLog, T0, whyOfFunctions } from "../../support/why-functions.ts";
import type { WhyQuestion } from "../../../core/why.ts";

const [ONE, TWO] = [counting(1), counting(100)];
const CODES = { 1: ONE, 2: TWO };
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

  it("is refused of a join", async () => {
    const log = await functionsLog([deploy(1, ONE), 1]);
    await expect(whyOfFunctions(log, CODES, "join").explain("t", at(1))).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("counting is a join"),
    });
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
