import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleFunctions } from "../../../../app/functions/bundle.ts";
import { checkFunctions } from "../../../../app/functions/check-functions.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "millrace-functions-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(text: string, name = "dew.ts"): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const named = (name: string, body = "") =>
  `defineMap({ name: ${JSON.stringify(name)}, input: z.object({ t: z.number() }), process() {${body}} });\n`;
const FOLD = "add: (acc) => acc, result: () => undefined";
const IMPORT = 'import { defineMap, z } from "millrace/function";\n';

describe("a file of functions", () => {
  test("becomes one text, with what it imports", async () => {
    write("export const half = (x: number): number => x / 2;", "lib/half.ts");
    const entry = write(
      `${IMPORT}import { half } from "./lib/half.ts";\nexport const dew = ${named("dew", "half(2)")}`,
    );
    const { code, functions, files } = await checkFunctions(entry);
    expect(functions).toEqual([{ name: "dew", kind: "map", state: null }]);
    expect(code).toContain("x / 2");
    expect(files.map((file) => file.replace(folder, "")).sort()).toEqual(["/dew.ts", "/lib/half.ts"]);
  });

  test("with an option that nobody reads is refused, with the place where the function is defined", async () => {
    const entry = write(
      `${IMPORT}export const dew = ${named("dew").replace("{ name", '{ selct: { type: "pump" }, name')}`,
    );
    await expect(checkFunctions(entry)).rejects.toMatchObject({
      code: "FUNCTION_INVALID",
      message: expect.stringMatching(/dew\.ts:2:\d+: function "dew": selct is no option of defineMap/),
      remedy: expect.stringContaining("there are name, input, select, process"),
    });
  });

  const refuse = 'const refuse = () => { throw new Error("asked"); };\n';
  const READ = /what it exports cannot be read, by a getter or a Proxy: asked$/;
  const NO_TEXT = /it throws when it is loaded: what was thrown has no text$/;
  test.each([
    ["exports a getter that throws", `${refuse}export const o = { get name() { return refuse(); } };`, READ],
    ["exports a Proxy", `${refuse}export const o = new Proxy({}, { get: refuse, getPrototypeOf: refuse });`, READ],
    [
      "throws what has no message",
      "throw new (class extends Error { get message() { throw new Error(); } })();",
      NO_TEXT,
    ],
    ["throws a Proxy", `${refuse}throw new Proxy({}, { get: refuse, getPrototypeOf: refuse });`, NO_TEXT],
    [
      "throws a text without end",
      'throw new Error("x".repeat(3e6));',
      /dew\.ts:1:7: it throws when it is loaded: x{100,2000}$/,
    ],
    [
      "leaves a text without end to be thrown later",
      `${IMPORT}export const dew = ${named("dew")}Promise.reject(new Error("y".repeat(3e6)));`,
      /dew\.ts:3:\d+: it cannot be loaded: a promise or a callback of it fails afterwards: y{100,2000}$/,
    ],
    [
      "keeps what is no JSON",
      `${IMPORT.replace("defineMap", "defineStream")}export const dew = defineStream({ name: "dew", input: z.object({}), state: z.date(), initial: () => new Date(0), process() {} });`,
      /function "dew": state is a z\.date\(\), whose values are no JSON and cannot be kept$/,
    ],
  ])("that %s is refused for that, and not for something else", async (_what, text, message) => {
    const refusal = { code: "FUNCTION_INVALID", message: expect.stringMatching(message) };
    await expect(checkFunctions(write(text))).rejects.toMatchObject(refusal);
  });

  test("that is not there, or is a folder, is told apart from a package that is not", async () => {
    await expect(bundleFunctions(join(folder, "nowhere.ts"))).rejects.toMatchObject({
      code: "FUNCTION_INVALID",
      message: `there is no file ${join(folder, "nowhere.ts")}`,
      remedy: "Name a file of functions that is there.",
    });
    await expect(bundleFunctions(folder)).rejects.toMatchObject({ message: `${folder} is a folder` });
    const importing = write('import { x } from "left-pad-of-nobody";\nexport const y = x;\n');
    await expect(bundleFunctions(importing)).rejects.toMatchObject({
      remedy: expect.stringContaining("Install the package beside the function."),
    });
  });

  test("gives the same hash wherever its folder lies", async () => {
    const text = `${IMPORT}export const dew = ${named("dew")}`;
    const [one, two] = [write(text, "a/dew.ts"), write(text, "b/c/dew.ts")];
    expect((await bundleFunctions(one)).hash).toBe((await bundleFunctions(two)).hash);
  });

  test("tells what its functions keep, so that another shape under the same number is known", async () => {
    const stream = (shape: string, more = "") => `import { defineStream, tumbling, z } from "millrace/function";
      export const sum = defineStream({ name: "sum", input: z.object({ t: z.number() }), ${shape}, ${more}
        initial: () => ({ n: 0 }), ${shape.includes("window:") ? FOLD : "process: () => undefined"} });`;
    const stateOf = async (text: string) => (await checkFunctions(write(text))).functions[0]?.state ?? null;
    const [one, same, other, next, hour, day] = [
      await stateOf(stream("state: z.object({ n: z.number() })")),
      await stateOf(stream("state: z.object({ n: z.number() })", "/* a comment */")),
      await stateOf(stream("state: z.object({ n: z.string() })")),
      await stateOf(stream("state: z.object({ n: z.string() })", "stateVersion: 2, migrate: (old) => old,")),
      await stateOf(stream('window: tumbling("1h"), accumulator: z.object({ n: z.number() })')),
      await stateOf(stream('window: tumbling("1d"), accumulator: z.object({ n: z.number() })')),
    ];
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
    expect(other?.version).toBe(1);
    expect(next).toEqual({ version: 2, shape: other?.shape });
    expect(day).not.toEqual(hour);
  });

  test("may export several functions", async () => {
    const entry = write(`${IMPORT}export const a = ${named("b")}export const b = ${named("a")}`);
    expect((await checkFunctions(entry)).functions.map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

describe("is refused with its place, and with what to do", () => {
  const cases: readonly (readonly [title: string, text: string, message: RegExp, remedy: RegExp])[] = [
    ["what does not compile", `${IMPORT}export const a = ;`, /dew\.ts:2:18: Unexpected ";"/, /Correct the file/],
    [
      "a module that is not there",
      `import "left-pad";`,
      /dew\.ts:1:8: Could not resolve "left-pad"/,
      /Install the package/,
    ],
    ["a module of Node", `import { readFileSync } from "node:fs"; readFileSync("x");`, /node:fs/, /reads no files/],
    ["a file that exports nothing", "const a = 1; console.info(a);", /dew\.ts: it exports nothing/, /defineMap/],
    ["what is no function", "export const a = 1;", /exports no function: a is none/, /defineMap/],
    [
      "a throw, at its own line",
      `${IMPORT}\nconst fail = (): never => {\n  throw new Error("no table");\n};\nfail();\nexport const a = ${named("a")}`,
      /dew\.ts:4:9: it throws when it is loaded: no table/,
      /Correct the file/,
    ],
    ["the clock", `export const at = Date.now();`, /dew\.ts:1:24: .*Date\.now\(\) would give another result/, /./],
    ["the clock by its constructor", `export const at = new Date();`, /dew\.ts:1:19: .*new Date\(\)/, /./],
    ["randomness", `export const at = Math.random();`, /Math\.random\(\).*use context\.random/, /./],
    ["the process", `export const at = process.env["HOME"];`, /dew\.ts:1:\d+: .*process is not there/, /./],
    ["the network", `export const at = fetch("http://127.0.0.1");`, /fetch is not there/, /./],
    ["the clock by way of globalThis", `export const at = globalThis.Date.now();`, /Date\.now\(\)/, /./],
    [
      "two functions of one name",
      `${IMPORT}export const a = ${named("a")}export const b = ${named("a")}`,
      /same name/,
      /its own/,
    ],
    [
      "a name that is none",
      `${IMPORT}export const a = ${named("Dew Point")}`,
      /dew\.ts:2:18: .*Dew Point/,
      /choose a name/,
    ],
    [
      "a name that is too long",
      `${IMPORT}export const a = ${named("a".repeat(64))}`,
      /its name must be/,
      /choose a name/,
    ],
    [
      "an import that comes to no end",
      "for (;;) { /* nothing */ }",
      /dew\.ts:1:\d+: it is not loaded within 500 ms/,
      /loop/,
    ],
    [
      "code that is too large",
      `export const a = "${"x".repeat(300_000)}";`,
      /is 294 KiB; 128 KiB are/,
      /dew\.ts 294 KiB/,
    ],
  ];

  test.each(cases)("%s", async (title, text, message, remedy) => {
    const loadMsMax = title.includes("no end") ? 500 : 20_000;
    const error: unknown = await checkFunctions(write(text), loadMsMax).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "FUNCTION_INVALID",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
  });

  test("memory without end", async () => {
    const entry = write("const all: string[][] = []; for (;;) all.push(new Array(100_000).fill('x'));");
    await expect(checkFunctions(entry, 20_000)).rejects.toThrow(/cannot be loaded: .*memory/);
  });
});

describe("dates", () => {
  test("of given times are those of JavaScript", async () => {
    const text = `const at = new Date(Date.UTC(2026, 0, 2));
      if (at.toISOString() !== "2026-01-02T00:00:00.000Z" || !(at instanceof Date) || Date.parse("2026-01-02") !== +at) throw new Error();
      ${IMPORT}export const a = ${named("a")}`;
    expect((await checkFunctions(write(text))).functions).toHaveLength(1);
  });
});
