import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const MODULE = new URL("../../../app/late-logger.ts", import.meta.url).href;
const EAGER = new URL("../../../app/logging.ts", import.meta.url).href;

/** What a process writes on standard error that runs this with a logger, and whether it has loaded pino in the end. */
function written(script: string, level = "info") {
  const { stderr, stdout } = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { createRequire } from "node:module";
       import { createLateLogger } from "${MODULE}";
       const logger = createLateLogger(${JSON.stringify(level)}, "part");
       ${script}
       const { cache } = createRequire("${MODULE}");
       console.log(Object.keys(cache).some((file) => file.endsWith("pino.js")));`,
    ],
    { encoding: "utf8" },
  );
  const lines = stderr.split("\n").filter((line) => line !== "");
  return { lines: lines.map((line): Record<string, unknown> => JSON.parse(line)), loaded: stdout.trim() === "true" };
}

describe("a logger that loads pino late", () => {
  it("writes what another writes", () => {
    const late = written(`logger.warn({ a: 1, err: new RangeError("no") }, "text");`).lines;
    const eager = written(
      `const { createLogger } = await import("${EAGER}");
       createLogger("info", "part").warn({ a: 1, err: new RangeError("no") }, "text");`,
    ).lines;
    const err = { type: "RangeError", message: "no", stack: expect.stringContaining("RangeError") };
    const line = { level: 40, time: expect.any(String), part: "part", a: 1, err, msg: "text" };
    expect([late, eager]).toEqual([[line], [line]]);
  });

  it("does not load it before it is needed, nor for what is not logged", () => {
    expect(written(`logger.info({}, "a"); logger.debug({}, "b");`, "warn")).toEqual({ lines: [], loaded: false });
    expect(written(`logger.error({}, "a");`, "warn")).toMatchObject({ lines: [{ level: 50 }], loaded: true });
  });

  it("has written when the call returns: a function that prints and then hangs its thread has printed", () => {
    expect(written(`logger.info({}, "a"); process.kill(process.pid, "SIGKILL");`).lines).toMatchObject([{ msg: "a" }]);
  });

  it("writes the line when pino cannot be loaded, and goes on", () => {
    const { lines } = written(
      `const broken = createLateLogger("info", "part", () => { throw new Error("EMFILE"); });
       broken.error({ a: 1 }, "text");
       broken.error({ a: 1n }, "no JSON");`,
    );
    expect(lines).toEqual([
      { level: 50, time: expect.any(String), part: "part", a: 1, msg: "text (and pino cannot be loaded: EMFILE)" },
    ]);
  });
});
