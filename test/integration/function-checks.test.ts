import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkFunctions, loadCode } from "../../app/functions/check-functions.ts";
import { LIMITS } from "../../core/limits.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { eventually } from "../support/stage-on-log.ts";

const FINE = `const { defineMap, z } = require("millrace/function");
exports.fine = defineMap({ name: "fine", input: z.object({ t: z.number() }), process() {} });
`;
/** What is hidden from honest code, and anybody finds who looks for it. */
const REAL = `const real = Function("return this")(); const node = (name) => real.process.getBuiltinModule(name);\n`;
const hostile = (text: string): string => `${FINE}${REAL}${text}`;

/** What a check of that code is refused with. */
async function refused(text: string): Promise<unknown> {
  return loadCode(hostile(text)).then(
    () => "it was accepted",
    (error: unknown) => error,
  );
}

/** Processes whose parent this one is, or was that one. */
function childrenOf(pid: number): number[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([child, parent, ...args]) =>
    Number(parent) === pid && args.join(" ").includes("confined-host") ? [Number(child)] : [],
  );
}

afterEach(() => void vi.unstubAllEnvs());

const CASES: readonly (readonly [title: string, text: string, message: RegExp, remedy: RegExp])[] = [
  ["outgrows its heap in one step", "[...new Uint8Array(1e8)];", /in one step .* 128 MiB|320 MiB/, /smaller/],
  [
    "outgrows its heap step by step",
    "const all = []; for (;;) all.push(new Array(1e5).fill(1));",
    /128 MiB/,
    /smaller/,
  ],
  ["fills a buffer of 1 GB", "new Uint8Array(1e9).fill(1);", /320 MiB, buffers included/, /smaller/],
  [
    "fills a thousand buffers of 1 MB",
    "const all = [];\nfor (;;)\n all.push(new Uint8Array(1e6).fill(1));",
    /^the code(:6:\d+)?: .*320 MiB, buffers included/,
    /smaller/,
  ],
  ["ends the process", "real.process.exit(0);", /ends its thread \(process\.exit\)/, /leave out what ends/],
  ["aborts", "real.process.abort();", /^the code:4:\d+: it throws .*abort/, /Correct/],
  [
    "aborts by signal",
    `real.process.kill(real.process.pid, "SIGABRT");for(;;);`,
    /ended with it \(SIGABRT\)/,
    /leave out/,
  ],
  ["crashes", `real.process.kill(real.process.pid, "SIGSEGV");for(;;);`, /ended with it \(SIGSEGV\)/, /leave out/],
  ["is killed", `real.process.kill(real.process.pid, "SIGKILL");for(;;);`, /was killed \(SIGKILL\)/, /smaller/],
  [
    "throws in a microtask",
    `Promise.resolve().then(() => {\n throw new RangeError("later"); });`,
    /^the code:5:\d+: .*afterwards: later/,
    /under way/,
  ],
  [
    "throws in the next tick",
    `real.process.nextTick(() => { throw new RangeError("later"); });`,
    /^the code:4:\d+: .*afterwards: later/,
    /under way/,
  ],
  [
    "throws what has no text",
    `Promise.reject({ toString() { throw 1; } });`,
    /^the code: it cannot be loaded/,
    /under way/,
  ],
  ["never resolves a top-level await", "await new Promise(() => {});", /await/, /Correct/],
  ["loops", "const turn = () => {\n  for (;;);\n};\nturn();", /^the code:5:\d+: .*not loaded within 5000 ms/, /loop/],
  [
    "loops in a microtask",
    "Promise.resolve().then(() => {\n for (;;);\n});",
    /^the code:5:\d+: .*within 5000 ms/,
    /loop/,
  ],
  ["waits", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", /within 5000 ms/, /loop/],
  [
    "writes into the answer",
    `node("fs").writeSync(3, "nonsense\\n");for(;;);`,
    /into what its process answers|in the place of its check/,
    /writes to files/,
  ],
  [
    "writes into the answer without end",
    `for (;;) node("fs").writeSync(3, "x".repeat(65536));`,
    /into what its process answers|in the place of its check/,
    /writes to files/,
  ],
  [
    "answers in the place of its check",
    `node("worker_threads").parentPort.postMessage({ functions: [{ name: 1 }] });for(;;);`,
    /into what its process answers|in the place of its check/,
    /writes to files/,
  ],
  ["closes the answer", `node("fs").closeSync(3);for(;;);`, /within 5000 ms|ended with it/, /loop|leave out/],
  [
    "prints without end",
    `for (;;) try { node("fs").writeSync(2, "x".repeat(65536)); } catch {}`,
    /within 5000 ms/,
    /loop/,
  ],
  [
    "prints by console without end",
    `for (;;) console.log("x".repeat(65536));`,
    /within 5000 ms|memory/,
    /loop|smaller/,
  ],
];

describe("code that does something to the process that loads it", () => {
  it.each(CASES)("is refused when it %s", async (_title, text, message, remedy) => {
    expect(await refused(text)).toMatchObject({
      code: "FUNCTION_INVALID",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
    expect(childrenOf(process.pid)).toEqual([]);
  });

  it("is accepted when nothing of that comes of it", async () => {
    const text = "new Promise(() => {}); Promise.reject(1).catch(() => {}); console.log(1);";
    const { functions } = await loadCode(hostile(text));
    expect(functions).toEqual([{ name: "fine", kind: "map", state: null }]);
  });

  it("is told with the line of its file", async () => {
    const directory = temporaryDirectory();
    const file = join(directory.path, "table.ts");
    writeFileSync(file, `import "./build.ts";\nexport const a = 1;\n`);
    writeFileSync(
      join(directory.path, "build.ts"),
      "const all: number[] = [];\n\nwhile (all.length < 2) {\n  all.pop();\n}\n",
    );
    await expect(checkFunctions(file, 500)).rejects.toThrow(/build\.ts:[34]:\d+: it is not loaded within 500 ms/);
    writeFileSync(file, `import { a } from "./a.ts";\nawait new Promise(() => {});\n`);
    await expect(checkFunctions(file)).rejects.toThrow(/table\.ts:2:\d+: Top-level await/);
    directory.dispose();
  });
});

describe("a process that loads code for a check", () => {
  it("has none of the variables of who started it", async () => {
    vi.stubEnv("MILLRACE_POSTGRES_PASSWORD", "secret-of-the-registry");
    vi.stubEnv("NODE_OPTIONS", "--no-warnings");
    vi.stubEnv("TZ", "Asia/Tokyo");
    const error = await refused("throw new Error(JSON.stringify([real.process.env, real.process.argv]));");
    const text = String(error);
    expect(text).toContain("Asia/Tokyo");
    expect(text).not.toMatch(/secret-of-the-registry|MILLRACE_|NODE_OPTIONS|NODE_CHANNEL|PATH/);
  });

  it("ends with all that the code has started", async () => {
    const error = await refused(
      `const { pid } = node("child_process").spawn("sleep", ["300"], { stdio: "inherit" }); throw new Error("started " + pid);`,
    );
    const pid = Number(/started (\d+)/.exec(String(error))?.[1]);
    const isGone = (): boolean => {
      try {
        return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z");
      } catch {
        return true;
      }
    };
    await eventually(async () => isGone(), 5000);
  });

  it("ends when who waits for it is killed, whatever the code does", async () => {
    const module = fileURLToPath(new URL("../../app/functions/check-functions.ts", import.meta.url));
    const directory = temporaryDirectory();
    const begun = join(directory.path, "begun");
    const code = `${REAL}node("fs").writeFileSync(${JSON.stringify(begun)}, ""); for (;;);`;
    const script = `import { loadCode } from ${JSON.stringify(module)}; await loadCode(${JSON.stringify(code)});`;
    const waiting = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    await once(waiting, "spawn");
    await eventually(async () => existsSync(begun), 20_000);
    const [host = 0] = childrenOf(waiting.pid ?? 0);
    waiting.kill("SIGKILL");
    directory.dispose();
    const isGone = (): boolean => {
      try {
        process.kill(host, 0);
        return false;
      } catch {
        return true;
      }
    };
    await eventually(async () => isGone(), LIMITS.functionLoadMsMax / 2);
  });

  it("that ends before it has begun is no fault of the code", async () => {
    const reasons: string[] = [];
    const directory = temporaryDirectory();
    writeFileSync(join(directory.path, "confined-host.js"), "process.exit(7);");
    const bundle = {
      entry: () => new URL(`file://${join(directory.path, "functions.js")}`),
      giveUp: (reason: string) => void reasons.push(reason),
    };
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    expect((await loadCode(FINE, { bundle, logger })).functions).toHaveLength(1);
    expect(reasons).toHaveLength(1);
    directory.dispose();
  });
});
