import { expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createFunctionConsole } from "../../../runtime/function-console.ts";
import type { Logger } from "../../../core/logger.ts";

function bench() {
  const said: string[] = [];
  const say = (fields: object, text: string): void =>
    void said.push("printed" in fields ? String(fields.printed) : text);
  const logger: Logger = { debug: say, info: say, warn: say, error: say };
  const metrics = createMetrics();
  let now = 0;
  const console = createFunctionConsole({ stage: "functions", logger, metrics, monotonic: { now: () => now } });
  const count = (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value;
  return { said, console, count, wait: (ms: number) => void (now += ms) };
}

it("what a function prints is in the log, as text", () => {
  const { said, console, count } = bench();
  console.log("dew point of %s", "d1", { a: { b: [1, 2] } });
  console.error(new RangeError("no"));
  expect(said[0]).toBe("dew point of d1 { a: { b: [ 1, 2 ] } }");
  expect(said[1]).toContain("RangeError: no");
  expect(count("millrace_function_log_lines_total")).toBe(2);
});

it("lines beyond a second's allowance are counted and dropped, and said so once; the next second has its own", () => {
  const { said, console, count, wait } = bench();
  const printed = LIMITS.functionLogLinesPerSecond * 10;
  for (let n = 0; n < printed; n += 1) console.log(n);
  expect(said).toHaveLength(LIMITS.functionLogLinesPerSecond + 1);
  expect(said.at(-1)).toContain("millrace_function_log_dropped_total");
  expect(count("millrace_function_log_dropped_total")).toBe(printed - LIMITS.functionLogLinesPerSecond);
  wait(1000);
  console.log("again");
  expect(said.at(-1)).toBe("again");
});

it("long lines are cut, and use up the characters of a second", () => {
  const { said, console } = bench();
  for (let n = 0; n < LIMITS.functionLogLinesPerSecond; n += 1) console.log("x".repeat(1_000_000));
  const kept = said.filter((line) => line.startsWith("x"));
  expect(Math.max(...kept.map((line) => line.length))).toBe(LIMITS.functionLogLineCharactersMax);
  expect(kept.reduce((sum, line) => sum + line.length, 0)).toBeLessThan(
    LIMITS.functionLogCharactersPerSecond + LIMITS.functionLogLineCharactersMax,
  );
});

it("values that are dropped are not even looked at", () => {
  const { console } = bench();
  for (let n = 0; n < LIMITS.functionLogLinesPerSecond; n += 1) console.log("x");
  const costly = {
    toString: () => expect.fail("it was formatted"),
    [Symbol.for("nodejs.util.inspect.custom")]: () => expect.fail("it was formatted"),
  };
  console.log(costly);
});
