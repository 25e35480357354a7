import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { DeadLetterCounts, QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { RawReading } from "../../core/history.ts";

const RECORDS = 60;
const POISON = 20;
const T0 = Date.now() - RECORDS * 1000;

/** `hostile` never comes back from the poison, unless it was corrected; `friendly` takes everything. */
const functionsOf = (onPoison: string): string => `
import { defineMap, z } from "millrace/function";
export const hostile = defineMap({
  name: "hostile",
  input: z.object({ n: z.number() }),
  process({ metrics }) {
    console.log("this is", metrics.n);
    if (metrics.n === ${POISON}) { ${onPoison} }
    return { by_hostile: metrics.n };
  },
});
export const friendly = defineMap({
  name: "friendly",
  input: z.object({ n: z.number() }),
  process: ({ metrics }) => ({ by_friendly: metrics.n }),
});
`;

/** Does not take one value. */
const STRICT = `
import { defineMap, z } from "millrace/function";
export const strict = defineMap({
  name: "strict",
  input: z.object({ n: z.number() }),
  process({ metrics }) {
    if (metrics.n === ${POISON}) throw new RangeError("not this one");
    return { by_strict: metrics.n };
  },
});
`;

describe.skipIf(!hasChdb())(`a function that never comes back from one record ${CHDB_TITLE}`, () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let instance: Instance;
  let api: InstanceApi;
  let data: string;

  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = async (functions: string): Promise<void> => {
    const file = join(directory.path, "functions.ts");
    writeFileSync(file, functions);
    await millrace("deploy", file, "--yes", "--no-shadow");
  };
  const send = async (n: number, second = n): Promise<void> => {
    const { ingest, token } = instance.ready;
    const response = await fetch(`${ingest}/v1/telemetry`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ ts: T0 + second * 1000, values: { n } }),
    });
    expect(response.status).toBeLessThan(300);
  };
  /** The values of a metric, in order. */
  const stored = async (metric: string): Promise<number[]> => {
    const { items } = await api.get<{ items: readonly RawReading[] }>(
      `/devices/${instance.ready.device}/readings?from=${T0}&to=${T0 + RECORDS * 1000}&limit=1000`,
    );
    const own = items.filter((reading) => reading.metric === metric);
    return own.map(({ value }) => Number(value)).sort((a, b) => a - b);
  };
  const all = Array.from({ length: RECORDS }, (_, n) => n);
  const allButPoison = all.filter((n) => n !== POISON);
  const letters = async () => (await api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;

  beforeAll(async () => {
    directory = temporaryDirectory();
    data = join(directory.path, "data");
    instance = await startInstance({ data, environment: { MILLRACE_FUNCTION_TIMEOUT_MS: "500" } });
    api = instanceApi(data);
  }, 120_000);
  afterAll(async () => {
    await instance.stop();
    directory.dispose();
  });

  it("loses that record and no other, and nobody else anything", { timeout: 120_000 }, async () => {
    await deploy(functionsOf("for (;;);"));
    for (const n of all) await send(n);
    await eventually(async () => (await stored("by_hostile")).length === RECORDS - 1, 90_000);
    expect(await stored("by_hostile")).toEqual(allButPoison);
    expect(await stored("by_friendly")).toEqual(all);
    expect(await stored("n")).toEqual(all);
    await eventually(async () => (await letters()).length > 0);
    expect(await letters()).toMatchObject([
      { function: "hostile", version: 1, errorClass: "TimeoutError", failures: 1 },
    ]);
    expect(await api.metrics()).toContain(
      'millrace_function_thread_deaths_total{class="TimeoutError",stage="functions"} 2',
    );
    expect(instance.hasEnded()).toBe(false);
  });

  it("is corrected, and the record run again", { timeout: 120_000 }, async () => {
    await deploy(functionsOf("/* better */"));
    expect(await millrace("dlq", "redrive", "--function", "hostile", "--dry-run")).toContain("1 would be run again");
    expect(await millrace("dlq", "redrive", "--function", "hostile")).toContain("1 records are run again");
    await eventually(async () => (await stored("by_hostile")).length === RECORDS, 60_000);
    expect(await stored("by_friendly")).toEqual(all);
    const counts = async () => api.get<DeadLetterCounts>("/dead-letters/counts");
    await eventually(async () => (await counts()).redriven === 1);
    expect(await counts()).toMatchObject({ redrivable: 0 });
    const report: AuditReport = JSON.parse(await millrace("audit", "--json"));
    expect(report.balanced).toBe(true);
  });

  it("has another record edited, and run on what was made of it", { timeout: 120_000 }, async () => {
    await deploy(STRICT);
    // At a time of its own: else it is a duplicate.
    await send(POISON, POISON + 0.5);
    const ofStrict = async () => (await letters()).filter((one) => one.function === "strict");
    await eventually(async () => (await ofStrict()).length > 0, 60_000);
    const [letter] = await ofStrict();
    const source = `${letter?.source.topic}/${letter?.source.partition}/${letter?.source.offset}`;
    const editing = ["dlq", "edit", source, "--function", "strict", "--data", data];
    // Changes nothing.
    expect((await runMillraceAsync(editing, { EDITOR: "true", VISUAL: "true" })).stdout).toContain(
      "Nothing was changed",
    );
    const editor = `sed -i 's/"n": ${POISON}/"n": 1000/'`;
    const edited = await runMillraceAsync(editing, { EDITOR: editor, VISUAL: editor });
    expect(edited.stdout).toContain("strict is run again on the edited record, the first time.");
    await eventually(async () => (await stored("by_strict")).length > 0, 60_000);
    expect(await stored("by_strict")).toEqual([1000]);
    const counts = async () => api.get<DeadLetterCounts>("/dead-letters/counts?function=strict");
    await eventually(async () => (await counts()).redriven === 1, 60_000);
    expect(await counts()).toMatchObject({ redrivable: 0 });
  });
});
