import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import type { FunctionVersionInfo } from "../../core/function-store.ts";

const functionNamed = (name: string): string => `const { defineMap, z } = require("millrace/function");
exports.one = defineMap({ name: "${name}", input: z.object({ t: z.number() }), process: ({ metrics }) => ({ t2: metrics.t }) });
`;
const TABLE = "const table = Array.from({ length: 1e6 }, (_, n) => n + 0.5);";
const REAL = `const real = Function("return this")();\n`;

describe("an instance to which code comes that does something to its process", () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path, flags: ["--no-clickhouse"] });
    api = instanceApi(directory.path);
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  const deploy = (code: string, more: object = {}): Promise<string> =>
    api.post("/functions", { code, ...more }).then(
      () => "accepted",
      (error: unknown) => String(error),
    );
  const live = async (): Promise<readonly string[]> => {
    const { items } = await api.get<{ items: readonly FunctionVersionInfo[] }>("/functions");
    return items.map(({ name }) => name).sort();
  };

  it.each([
    ["outgrows its heap in one step", "[...new Uint8Array(1e8)];", /in one step|320 MiB/],
    ["outgrows its heap in another one", "new Array(1e8).fill(0);", /in one step|320 MiB/],
    ["fills a buffer of 1 GB", "new Uint8Array(1e9).fill(1);", /320 MiB, buffers included/],
    ["kills its process", `real.process.kill(real.process.pid, "SIGKILL");for(;;);`, /was killed \(SIGKILL\)/],
    ["crashes", `real.process.kill(real.process.pid, "SIGSEGV");for(;;);`, /ended with it \(SIGSEGV\)/],
    ["ends", "real.process.exit(0);", /process\.exit/],
    ["throws in a microtask", `Promise.reject(new Error("later"));`, /fails afterwards: later/],
    ["loops", "for (;;);", /the code:4:\d+: it is not loaded within 5000 ms/],
  ])("refuses what %s, and answers meanwhile and afterwards", async (_title, text, message) => {
    const refused = deploy(functionNamed("hostile") + REAL + text);
    expect(await live()).toEqual([]);
    expect(await refused).toMatch(/answered 4\d\d.*FUNCTION_INVALID/);
    expect(await refused).toMatch(message);
    expect(await live()).toEqual([]);
    expect(instance.hasEnded()).toBe(false);
  });

  it("refuses the same where it is only compared", async () => {
    const body = { code: functionNamed("hostile") + REAL + "[...new Uint8Array(1e8)];", lastMs: 1000 };
    await expect(api.post("/functions/shadow", body)).rejects.toThrow(/in one step|320 MiB/);
    expect(await live()).toEqual([]);
  });

  it("refuses what one thread could load and a thread with all partitions could not", async () => {
    const code = functionNamed("heavy").replace("t2: metrics.t", "t2: table[metrics.t]") + TABLE;
    expect(await deploy(code)).toMatch(/keeps [78]\.\d MiB .* 1 function in 32 partitions .* 128\.0 of the 512 MiB/);
    const stage = { stage: "large", limits: { memoryMib: 2048 } };
    expect(await deploy(code, { stage: "large", limits: { memoryMib: 64 } })).toMatch(/16\.0 of the 64 MiB/);
    expect(await live()).toEqual([]);
    expect(await deploy(code, stage)).toBe("accepted");
    // Where it runs, and nobody says so again: as much as that stage has.
    expect(await deploy(`${code}exports.more = 1;`)).toBe("accepted");
    expect(await deploy(`${code}exports.more = 2;`, { stage: "functions" })).toMatch(/of the 512 MiB/);
  });

  it("has one such process at a time, and says so when too many wait", async () => {
    const waiting = Array.from({ length: LIMITS.functionChecksWaitingMax + 3 }, async (_, n) =>
      deploy(`${functionNamed("hostile")}throw new Error("refused ${n}");`),
    );
    const answers = await Promise.all(waiting);
    expect(answers.filter((text) => text.includes("LIMIT_EXCEEDED"))).toHaveLength(2);
    expect(answers.filter((text) => text.includes("FUNCTION_INVALID"))).toHaveLength(9);
  });

  it("runs what was accepted", async () => {
    expect(await deploy(functionNamed("fine"))).toBe("accepted");
    const { ingest, token } = instance.ready;
    const send = async () =>
      fetch(`${ingest}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ ts: Date.now(), values: { t: 1 } }),
      });
    expect((await send()).status).toBeLessThan(300);
    await eventually(
      async () => /millrace_function_invocations_total\{[^}]*fine[^}]*\} [1-9]/.test(await api.metrics()),
      30_000,
    );
  });

  it("compares versions of which a call outgrows its heap in one step, and goes on", async () => {
    const code = functionNamed("fine").replace("t2: metrics.t", "t2: [...new Uint8Array(1e8)].length");
    await expect(api.post("/functions/shadow", { code, lastMs: 60_000 })).rejects.toThrow(
      /answered 422.*the versions cannot be compared: .*(in one step|448 MiB)/,
    );
    await expect(
      api.post("/functions/shadow", { code: functionNamed("fine"), lastMs: 60_000 }),
    ).resolves.toBeUndefined();
    expect(instance.hasEnded()).toBe(false);
  });
});
