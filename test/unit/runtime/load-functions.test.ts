import { describe, expect, test } from "vitest";
import { runFunction } from "../../../kit/testing.ts";
import { loadFunctions } from "../../../runtime/load-functions.ts";

const IMPORT = 'const { defineMap, defineStream, z } = require("millrace/function");\n';
const READ_ONLY = "readings and state are read only; return a new state instead of changing the old";

/** What a function of this body, as it lies in a bundle, makes of two readings. */
function runBody(body: string) {
  const code = `${IMPORT}module.exports = { dew: defineMap({
    name: "dew", input: z.object({ t: z.number() }), process: (r, c) => { ${body} } }) };`;
  return runFunction(loadFunctions(code), readings);
}

function runStream(body: string) {
  const code = `${IMPORT}module.exports = { sum: defineStream({
    name: "sum", input: z.object({ t: z.number() }), state: z.object({ n: z.number(), list: z.array(z.number()) }),
    initial: () => ({ n: 0, list: [] }),
    process: (r, s) => { ${body}; return { state: s, emit: { n: s.n } } } }) };`;
  return runFunction(loadFunctions(code), readings);
}

const readings = [
  { ts: 1_700_000_000_000, device: "a", metrics: { t: 1 } },
  { ts: 1_700_000_001_000, device: "a", metrics: { t: 2 } },
];

describe("code that is loaded is strict", () => {
  test.each([
    ["s.n++", "Cannot assign to read only property 'n' of object '#<Object>'"],
    ["s.list.push(1)", "Cannot add property 0, object is not extensible"],
    ["s.more = 1", "Cannot add property more, object is not extensible"],
    ["delete s.n", "Cannot delete property 'n' of #<Object>"],
    ["Object.defineProperty(s, 'n', { value: 2 })", "Cannot redefine property: n"],
    ["Object.defineProperty(s, 'm', { value: 2 })", "Cannot define property m, object is not extensible"],
    ["Object.setPrototypeOf(s, {})", "#<Object> is not extensible"],
  ])("%s is a dead letter that says what to do", (body, error) => {
    const { deadLetters, readings: made } = runStream(body);
    expect(made).toEqual([]);
    expect(deadLetters.map((letter) => letter.error)).toEqual([`${error}: ${READ_ONLY}`, `${error}: ${READ_ONLY}`]);
  });

  test("and another fault keeps its text", () => {
    const { deadLetters } = runBody('throw new TypeError("the door is not extensible by hand")');
    expect(deadLetters[0]?.error).toBe("the door is not extensible by hand");
    const plain = runBody('throw new Error("Cannot add property n, object is not extensible")');
    expect(plain.deadLetters[0]?.error).toBe("Cannot add property n, object is not extensible");
  });

  test("and a name that is not declared is an error, not a global", () => {
    expect(runBody("leaked = 1").deadLetters[0]?.error).toBe("leaked is not defined");
    expect("leaked" in globalThis).toBe(false);
  });

  test("and its places are those of the code", () => {
    const code = `${IMPORT}module.exports = { dew: defineMap({ name: "dew", input: z.object({ t: z.number() }),
  process: () => { throw new Error("here") } }) };`;
    const { deadLetters } = runFunction(loadFunctions(code), readings);
    expect(deadLetters[0]?.stack.split("\n")[0]).toMatch(/bundle\.js:3:26\)?$/);
    const first = 'throw new Error("first");';
    expect(() => loadFunctions(first)).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ stack: expect.stringContaining("bundle.js:1:7") }) }),
    );
  });

  test("also where it says so itself, and what is none is refused with what to do", () => {
    expect(
      loadFunctions(`"use strict";\n${IMPORT}module.exports = { a: defineMap({ name: "a",
      input: z.any(), process: () => undefined }) };`),
    ).toHaveLength(1);
    expect(() => loadFunctions("var x = 010;")).toThrow(
      expect.objectContaining({
        code: "FUNCTION_INVALID",
        message: "it does not compile: Octal literals are not allowed in strict mode.",
        remedy: expect.stringContaining("strict mode code"),
      }),
    );
  });
});

describe("the clock is not there", () => {
  const errorOf = (body: string) => runBody(body).deadLetters[0]?.error;
  const text = (call: string) => `${call} would give another result in a replay: use the reading's time (ts)`;

  test.each([
    ["Date.now()", "Date.now()"],
    ["Date()", "Date()"],
    ["new Date()", "new Date()"],
    ["new Date(0).constructor.now()", "Date.now()"],
    ["new (new Date(0).constructor)()", "new Date()"],
    ["new Date(0).constructor()", "Date()"],
    ["Object.getOwnPropertyDescriptor(Date, 'now').value()", "Date.now()"],
    ["Date.prototype.constructor.now()", "Date.now()"],
    ["z.coerce.date().parse(0).constructor.now()", "Date.now()"],
    ["new (class extends Date {})()", "new Date()"],
    ["Reflect.construct(Date, [], Object)", "new Date()"],
    ["Intl.DateTimeFormat('en').format()", "Intl.DateTimeFormat.format() without a time"],
    ["new Intl.DateTimeFormat('en').format(undefined)", "Intl.DateTimeFormat.format() without a time"],
    ["Intl.DateTimeFormat('en').formatToParts()", "Intl.DateTimeFormat.formatToParts() without a time"],
  ])("by %s", (body, call) => {
    expect(errorOf(body)).toBe(text(call));
  });

  test.each([
    ["String(new Date(0).constructor === Date)", "true"],
    ["String(new Date(r.ts) instanceof Date)", "true"],
    ["new Date(r.ts).toISOString()", "2023-11-14T22:13:20.000Z"],
    ["new (class D extends Date { day() { return 'd' + this.getUTCDate() } })(r.ts).day()", "d14"],
    ["new Date(Date.UTC(2026, 0, 1)).toJSON()", "2026-01-01T00:00:00.000Z"],
    ["String(Date.parse('2026-01-01T00:00:00Z'))", "1767225600000"],
    ["Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(r.ts)", "11/14/2023"],
    ["Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(0)", "1/1/1970"],
    ["[r.ts].map(new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format)[0]", "11/14/2023"],
    ["Intl.DateTimeFormat('en', { timeZone: 'UTC', year: 'numeric' }).formatToParts(r.ts)[0].value", "2023"],
    ["new Date(r.ts).toLocaleDateString('en', { timeZone: 'UTC' })", "11/14/2023"],
  ])("and what is given a time has it: %s", (expression, expected) => {
    const { readings: made, deadLetters } = runBody(`return { x: ${expression} }`);
    expect(deadLetters).toEqual([]);
    expect(made[0]?.metrics["x"]).toBe(expected);
  });

  test("and nothing is left at the real one for others", () => {
    expect(errorOf("Date.now = () => 5")).toMatch(/^Cannot assign to read only property 'now'/);
    expect(Date.now()).toBeGreaterThan(5);
  });
});

describe("code that changes what all share is refused when it is loaded, and the change put back", () => {
  const FUNCTION = `${IMPORT}module.exports = { dew: defineMap({ name: "dew", input: z.any(), process: () => undefined }) };`;

  test.each([
    ["Object.prototype.polluted = 1", "Object.prototype.polluted"],
    ["({}).__proto__.polluted = 1", "Object.prototype.polluted"],
    ["Array.prototype.last = function () { return this.at(-1) }", "Array.prototype.last"],
    ["Array.prototype.map = () => []", "Array.prototype.map"],
    ["JSON.stringify = () => '{}'", "JSON.stringify"],
    ["Promise.prototype.then = () => undefined", "Promise.prototype.then"],
    ["delete String.prototype.at", "String.prototype.at"],
    ["Object.defineProperty(Object.prototype, 'n', { get: () => 1, configurable: true })", "Object.prototype.n"],
    ["Map.prototype[Symbol.iterator] = null", "Map.prototype[Symbol(Symbol.iterator)]"],
    ["Object.getPrototypeOf(Uint8Array.prototype).fill = null", "TypedArray.prototype.fill"],
  ])("%s", (change, name) => {
    const kept = [Array.prototype.map, JSON.stringify, Promise.prototype.then, String.prototype.at];
    expect(() => loadFunctions(`${change};\n${FUNCTION}`)).toThrow(
      expect.objectContaining({
        code: "FUNCTION_INVALID",
        message: `it changes ${name} when it is loaded, which it shares with the functions beside it`,
        remedy: expect.stringContaining("Write a function of your own"),
      }),
    );
    expect([Array.prototype.map, JSON.stringify, Promise.prototype.then, String.prototype.at]).toEqual(kept);
    expect("polluted" in {} || "last" in [] || "n" in {}).toBe(false);
    expect(loadFunctions(FUNCTION)).toHaveLength(1);
  });

  test("also where it throws afterwards; and what says how stacks look is left", () => {
    expect(() => loadFunctions("Object.prototype.polluted = 1; throw new Error('no')")).toThrow("no");
    expect("polluted" in {}).toBe(false);
    expect(loadFunctions(`Error.stackTraceLimit = 10;\n${FUNCTION}`)).toHaveLength(1);
  });
});
