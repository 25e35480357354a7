import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countingFunction, FunctionInstance, upTo } from "../support/function-instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";

const [SLOW, HUGE] = [3, 5];
/** Takes CPU time: more than the instance lets a call take, and less than a stage of its own is given, on any machine. */
const burning = (mark: string): string =>
  countingFunction("burning", `if (n % 10 === ${SLOW}) burn(); if (n < 0) throw new RangeError("${mark}");`) + BURN;
const BURN = `
function burn() {
  let sum = 0;
  for (let n = 0; n < 2e9; n += 1) sum = (sum + n) | 0;
  kept = sum;
}
`;
const GREEDY = countingFunction(
  "greedy",
  `if (n % 10 === ${HUGE}) { kept = []; for (let i = 0; i < 2e6; i += 1) kept.push({ some: "memory", of: i }); }`,
);

describe.skipIf(!hasChdb())(`limits of a stage ${CHDB_TITLE}`, { timeout: 280_000 }, () => {
  const own = new FunctionInstance();
  beforeAll(
    () => own.start({ flags: ["--autoscale", "off"], environment: { MILLRACE_FUNCTION_TIMEOUT_MS: "200" } }),
    120_000,
  );
  afterAll(() => own.dispose());
  const letters = async (fn: string): Promise<QueuedDeadLetter[]> => {
    const { items } = await own.api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue");
    return items.filter((one) => one.function === fn);
  };

  it("let a call take longer than usual, from the deploy on that says so", async () => {
    await own.deploy(burning("one"), "--stage", "slow");
    await own.send(10);
    await eventually(async () => (await own.stored("by_burning")).length === 9, 100_000);
    await eventually(async () => (await letters("burning")).length === 1, 60_000);
    expect(await own.stored("by_burning")).toEqual(upTo(10, SLOW));
    const said = await own.deploy(burning("two"), "--stage", "slow", "--call-timeout", "60s");
    expect(said).toContain("Stage slow has 60 s of CPU a call.");
    await own.send(10);
    await eventually(async () => (await own.stored("by_burning")).length === 19, 100_000);
    expect(await own.stored("by_burning")).toEqual(upTo(20, SLOW));
    expect(await letters("burning")).toHaveLength(1);
    expect(await own.millrace("versions")).toContain("stage slow: 60 s of CPU a call");
  });

  it("give a stage with a process of its own less memory, and more by a later deploy", async () => {
    const before = own.sent;
    const flags = ["--stage", "heavy", "--isolation", "process", "--call-timeout", "30s"];
    await own.deploy(GREEDY, ...flags, "--memory", "32");
    await own.send(10);
    await eventually(async () => (await own.stored("by_greedy")).length === 9, 120_000);
    expect(await own.stored("by_greedy")).toEqual(upTo(before + 10, before + HUGE).slice(before));
    await eventually(async () => (await letters("greedy")).length === 1, 60_000);
    expect(await letters("greedy")).toMatchObject([{ errorClass: "OutOfMemory" }]);
    await own.deploy(GREEDY, "--stage", "heavy", "--memory", "1024");
    await own.send(10);
    await eventually(async () => (await own.stored("by_greedy")).length === 19, 120_000);
    expect(await letters("greedy")).toHaveLength(1);
    const { items } = await own.api.get<{ items: unknown[] }>("/functions/stages");
    expect(items).toContainEqual({
      stage: "heavy",
      isolation: "process",
      callTimeoutMs: 30_000,
      memoryMib: 1024,
      stateMemoryMib: null,
    });
  });

  it("are refused beyond their ceilings, without a stage, and for the one that all share", async () => {
    await expect(own.deploy(GREEDY, "--memory", "64")).rejects.toThrow("none is named");
    await expect(own.deploy(GREEDY, "--stage", "heavy", "--memory", "4097")).rejects.toThrow("not allowed");
    await expect(own.deploy(GREEDY, "--stage", "functions", "--memory", "64")).rejects.toThrow("shared by all");
    await expect(own.deploy(GREEDY, "--stage", "heavy", "--state-memory", "1024")).rejects.toThrow("does not fit");
    const tooMuch = { code: "", stage: "heavy", limits: { callTimeoutMs: 60_001 } };
    await expect(own.api.post("/functions", tooMuch)).rejects.toThrow();
  });
});
