import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";

/** The loop of somebody who writes functions: a project, its types, its lint rules, its tests, and what happens on saving. */
const ROOT = join(import.meta.dirname, "../..");
const STILL_MS = 60_000;

let directory: ReturnType<typeof temporaryDirectory>;
let project: string;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  directory = temporaryDirectory();
  project = join(directory.path, "My Functions");
  await runMillraceAsync(["init", project]);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
afterAll(() => directory.dispose());

const path = (...parts: readonly string[]) => join(project, ...parts);

/** A file in the project, for this test only. */
function file(name: string, text: string): void {
  writeFileSync(path(name), text);
  cleanups.push(async () => rmSync(path(name), { force: true }));
}

/** A tool of this repository's node_modules, as `npm install` brings it into the project. */
function tool(name: string, ...args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  const script = join(ROOT, "node_modules", ".bin", name);
  return spawnSync(process.execPath, [script, ...args], { cwd: project, encoding: "utf8" });
}

test("init says what it has written, and writes nothing over what is there", async () => {
  const other = join(directory.path, "other");
  const { code, stdout } = await runMillraceAsync(["init", other, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    folder: other,
    files: expect.arrayContaining(["functions/dew-point.ts"]),
  });
  const again = await runMillraceAsync(["init", project]);
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/has .*package\.json.* already\. Name a new folder, or an empty one\.\n$/);
});

test("the project is one of npm, with Millrace at the place where it was run from", () => {
  const manifest = JSON.parse(readFileSync(path("package.json"), "utf8"));
  expect(manifest.name).toBe("my-functions");
  expect(join(project, manifest.devDependencies.millrace.slice("file:".length))).toBe(ROOT);
});

test("the compiler finds the types of millrace/function and millrace/testing, and mistakes", () => {
  expect(tool("tsc")).toMatchObject({ status: 0, stdout: "" });
  file(
    "functions/mistaken.ts",
    `import { defineMap, z } from "millrace/function";
export const mistaken = defineMap({
  name: "mistaken",
  input: z.object({ temperature: z.number() }),
  process: ({ metrics }) => ({ a: metrics.temprature }),
});
`,
  );
  const { status, stdout } = tool("tsc");
  expect(stdout).toMatch(/^functions\/mistaken\.ts[:(]5.*'temprature' does not exist.*'temperature'/m);
  expect(status).not.toBe(0);
});

test("the linter says what a function may not use", () => {
  expect(tool("oxlint", "--deny-warnings").status).toBe(0);
  file("functions/impure.ts", "export const at = () => [Date.now(), Math.random(), process.pid, fetch, setTimeout];\n");
  const { status, stdout } = tool("oxlint", "--deny-warnings");
  for (const what of ["Date.now", "Math.random", "'process'", "'fetch'", "'setTimeout'"])
    expect(stdout).toContain(what);
  expect(status).toBe(1);
});

test("millrace test runs the tests, and fails with them", async () => {
  const passed = await runMillraceAsync(["test", project]);
  expect(passed.stdout).toContain("✔ saturated air condenses at its own temperature");
  expect(passed).toMatchObject({ code: 0, stderr: "" });
  file(
    "functions/clock.ts",
    `import { defineMap, z } from "millrace/function";
export const clock = defineMap({ name: "clock", input: z.object({ a: z.number() }), process: () => ({ now: Date.now() }) });
`,
  );
  file(
    "functions/clock.test.ts",
    `import assert from "node:assert/strict";
import test from "node:test";
import { runFunction } from "millrace/testing";
import { clock } from "./clock.ts";
test("tells the time", () => {
  const { deadLetters } = runFunction(clock, [{ ts: 1767225600000, metrics: { a: 1 } }]);
  assert.deepEqual(deadLetters.map(({ error }) => error), []);
});
`,
  );
  const failed = await runMillraceAsync(["test", project]);
  expect(failed.stdout).toContain("✖ tells the time");
  // A function has the globals here that it has in a processor.
  expect(failed.stdout).toContain("Date.now() would give another result in a replay");
  expect(failed.stdout).toContain("clock.test.ts:7:");
  expect(failed.code).toBe(1);
});

test("millrace test names the place where a file does not compile", async () => {
  file("functions/broken.ts", "export const x = ;\n");
  file("functions/broken.test.ts", 'import { x } from "./broken.ts";\nvoid x;\n');
  const { code, stdout, stderr } = await runMillraceAsync(["test", project]);
  expect(stderr).toMatch(/^millrace: .*functions\/broken\.ts:1:18: Unexpected ";"/);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

test("millrace dev refuses where nothing would ever run, and says what there is", async () => {
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await runMillraceAsync(["dev", ...args]);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused(path("nowhere"))).toContain(
    "Name the folder of a functions project, or make one: millrace init",
  );
  expect(await refused(path("fixtures"))).toContain("no functions/*.ts");
  expect(await refused(project, "--fixture", "nobody")).toMatch(
    /no fixtures\/nobody\.jsonl\. Fixtures that are there: cold-room\./,
  );
});

test("millrace dev runs what is saved, and outlives what is wrong", async () => {
  const child = spawn(process.execPath, [join(ROOT, "bin/millrace.js"), "dev", project, "--records", "2"]);
  const exited = once(child, "exit");
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const source = readFileSync(path("functions/dew-point.ts"), "utf8");
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await exited;
    writeFileSync(path("functions/dew-point.ts"), source);
  });
  /** Until the rest of what it says has this, which is then used up. */
  const says = async (what: RegExp): Promise<string> => {
    const deadline = performance.now() + STILL_MS;
    for (let found = what.exec(said); ; found = what.exec(said)) {
      if (found !== null) {
        said = said.slice(found.index + found[0].length);
        return found[0];
      }
      if (performance.now() > deadline) throw new Error(`it does not say ${String(what)}, but: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await says(/functions\/dew-point\.ts over cold-room: 40 records, 40 with results\n {2}… 38 records before these\n/);
  await says(
    /2026-01-31T[\d:.]+Z room-\d \{"temperature":[^}]*\} {2}\d+ µs\n {4}→ dew-point \{"dew_point":[-\d.]+\}\n/,
  );
  await says(/Waiting for changes/);
  writeFileSync(path("functions/dew-point.ts"), source.replace("dew_point:", "dewpoint:"));
  await says(/→ dew-point \{"dewpoint":[^]*Reloaded in \d+ ms\.\n/);
  appendFileSync(path("functions/dew-point.ts"), "export const x = ;\n");
  await says(/functions\/dew-point\.ts:17:18: Unexpected ";"[^]*Reloaded in \d+ ms\.\n/);
  const throwing = source.replace("const gamma", 'if (humidity > 70) throw new Error("damp");\n    const gamma');
  writeFileSync(path("functions/dew-point.ts"), throwing);
  await says(/→ dew-point dead letter: Error: damp .*functions\/dew-point\.ts:12:30/);
  child.kill("SIGINT");
  expect(await exited).toEqual([0, null]);
});
