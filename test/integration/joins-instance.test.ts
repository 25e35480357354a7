import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionOf } from "../../core/partitioner.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";
import type { RawReading } from "../../core/history.ts";
import type { PartitionView } from "../../core/partition-view.ts";

const PARTITIONS = 4;
const T0 = Math.floor(Date.now() / 1000) * 1000 - 10_000_000;
const POISON = 5;
const LINE = "line-1";

/** Two devices and what they have in common, each in a partition of its own. */
const [METER, COUNTER] = ["meter", "counter"].map((kind, index) => {
  const taken = partitionOf(`default/${LINE}`, PARTITIONS);
  const ids = Array.from({ length: 100 }, (_, n) => `${kind}-${n}`);
  return ids.find((id) => partitionOf(`default/${id}`, PARTITIONS) === (taken + 1 + index) % PARTITIONS) ?? "";
});
const TOKENS = { meter: "token-of-the-meter", counter: "token-of-the-counter" };

const source = (poison: number) => `
import { defineJoin, z } from "millrace/function";
export const energyPerPart = defineJoin({
  name: "energy-per-part",
  key: ({ labels }) => labels.line,
  left: { input: z.object({ power: z.number() }) },
  right: { input: z.object({ parts: z.number() }) },
  within: "2s",
  allowedLateness: "30d",
  join(left, right) {
    if (left.metrics.power === ${poison}) throw new Error("no such power");
    return { pair: left.metrics.power, of: right.metrics.parts };
  },
});
`;
const ALONE = `
import { defineJoin, z } from "millrace/function";
export const alone = defineJoin({
  name: "alone",
  key: ({ labels }) => labels.line,
  left: { input: z.object({ power: z.number() }) },
  right: { input: z.object({ parts: z.number() }) },
  within: "2s",
  outer: "left",
  idle: "1s",
  join: (left, right) => (right === undefined ? { alone: left.metrics.power } : undefined),
});
`;

describe.skipIf(!hasChdb())(`a join of devices in different partitions ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  let instance: Instance;
  let api: InstanceApi;

  const start = () => startInstance({ data, environment: { MILLRACE_PARTITIONS: String(PARTITIONS) } });
  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = (text: string, ...options: readonly string[]): Promise<string> => {
    const file = join(directory.path, "energy.ts");
    writeFileSync(file, text);
    return millrace("deploy", file, "--yes", "--no-shadow", ...options);
  };
  /** The nth reading: the left one at n times ten seconds, the right one a second later. */
  const send = async (kind: keyof typeof TOKENS, ...numbers: readonly number[]): Promise<void> => {
    for (const n of numbers) {
      const values = kind === "meter" ? { power: n } : { parts: n };
      const ts = T0 + n * 10_000 + (kind === "meter" ? 0 : 1000);
      const response = await fetch(`${instance.ready.ingest}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: `Bearer ${TOKENS[kind]}`, "content-type": "application/json" },
        body: JSON.stringify({ ts, values }),
      });
      expect(response.status).toBeLessThan(300);
    }
  };
  const stored = async (metric: string): Promise<number[]> => {
    const path = `/devices/${LINE}/readings?from=${T0}&to=${T0 + 10_000_000}&limit=1000`;
    const { items } = await api.get<{ items: readonly RawReading[] }>(path);
    return items
      .filter((one) => one.metric === metric)
      .map(({ value }) => Number(value))
      .toSorted((a, b) => a - b);
  };
  const stages = async () => (await api.get<PartitionView>("/partitions")).consumers.map(({ name }) => name);
  const upTo = (count: number, ...without: readonly number[]) =>
    Array.from({ length: count }, (_, n) => n + 1).filter((n) => !without.includes(n));

  beforeAll(async () => {
    instance = await start();
    api = instanceApi(data);
    const labels = { line: LINE };
    await api.post("/devices/import", {
      devices: [
        { id: METER, token: TOKENS.meter, labels },
        { id: COUNTER, token: TOKENS.counter, labels },
        // What is joined is a device like any other to those who ask for it.
        { id: LINE, token: "token-of-the-line" },
      ],
    });
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  it("meets each pair once, whatever is killed between its readings", async () => {
    expect(await deploy(source(POISON))).toContain("energy-per-part@1 runs from here on");
    expect(await stages()).toEqual(["stage:main", "stage:functions", "stage:joins", "sink:clickhouse", "sink:notify"]);
    await send("meter", 1, 2, 3);
    await send("counter", 2, 1);
    await instance.kill();
    instance = await start();
    await send("counter", 3, 4);
    await instance.kill();
    instance = await start();
    await send("meter", 4, 5, 6);
    await send("counter", 5, 6);
    await instance.kill();
    instance = await start();
    await eventually(async () => (await stored("pair")).length >= 5, 60_000);
    expect(await stored("pair")).toEqual(upTo(6, POISON));
    expect(await stored("of")).toEqual(upTo(6, POISON));
  });

  it("is corrected by a new version, and its dead letter runs again where it joins; what stays alone has a result of its own", async () => {
    expect(await millrace("dlq", "ls")).toContain("no such power");
    expect(await deploy(source(-1))).toContain("energy-per-part@2 runs from here on");
    expect(await millrace("dlq", "redrive", "--function", "energy-per-part")).toContain("1 records are run again");
    await eventually(async () => (await stored("pair")).length >= 6, 60_000);
    expect(await stored("pair")).toEqual(upTo(6));
    expect(await deploy(ALONE)).toContain("alone@1 runs from here on");
    await send("meter", 7);
    // Only silence says that nothing comes any more.
    await eventually(async () => (await stored("alone")).length > 0, 60_000);
    expect(await stored("alone")).toEqual([7]);
    const { items } = await api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
    expect(
      items
        .filter(({ stage }) => stage !== "main")
        .map(({ stage, function: fn, version }) => `${stage} ${fn} ${version}`),
    ).toEqual(expect.arrayContaining(["functions energy-per-part 2", "joins energy-per-part 2"]));
  });

  it("has no stage of its own, and ends its stage with the last join; and the ledger balances", async () => {
    await expect(deploy(source(-1), "--stage", "heavy")).rejects.toThrow("is a join, which has no stage of its own");
    const report: AuditReport = JSON.parse(await millrace("audit", "--json"));
    expect(report).toMatchObject({ balanced: true, storedOnce: true });
    await millrace("undeploy", "energy-per-part", "--yes");
    await millrace("undeploy", "alone", "--yes");
    await eventually(async () => !(await stages()).includes("stage:joins"), 90_000);
    await deploy(source(-1));
    await send("meter", 8);
    await send("counter", 8);
    await eventually(async () => (await stored("pair")).length >= 7, 60_000);
    expect(await stored("pair")).toEqual([...upTo(6), 8]);
  });
});
