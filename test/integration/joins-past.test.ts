import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionOf } from "../../core/partitioner.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import type { BacktestReport } from "../../app/functions/backtest-report.ts";
import type { PartitionView } from "../../core/partition-view.ts";
import type { Explanation } from "../../core/why.ts";
import type { VersionComparison } from "../../core/version-comparison.ts";

const PARTITIONS = 4;
const SECOND = 1000;
const T0 = Math.floor(Date.now() / SECOND) * SECOND - 1000 * SECOND;
const END = T0 + 100 * SECOND;
const LINE = "line-1";
const RANGE = ["--from", String(T0), "--to", String(END)];

/** In partitions of their own: read one after the other, the late meter reading would not be late. */
const idIn = (kind: string, partition: number): string =>
  Array.from({ length: 100 }, (_, n) => `${kind}-${n}`).find(
    (id) => partitionOf(`default/${id}`, PARTITIONS) === partition,
  ) ?? "";
const DEVICES = { meter: idIn("meter", 0), counter: idIn("counter", 3) };
type Kind = keyof typeof DEVICES;

/** In the order in which they are sent, with their seconds of event time. */
const SENT: readonly (readonly [Kind, number])[] = [
  ["meter", 1],
  ["counter", 2],
  ["counter", 10],
  ["meter", 11],
  // Both sides are beyond it.
  ["meter", 5],
  ["meter", 20],
  ["counter", 30],
  // Now nothing can come any more for the 20th second's.
  ["meter", 31],
  ["counter", 25],
  ["counter", 33],
  ["meter", 32],
  ["counter", 60],
];
const PAIRS = ["1_2", "11_10", "20_none", "31_30", "31_33", "32_30", "32_33"];

/** Each pair has a metric of its own: several may have the same time. */
const source = (stateVersion: number, within: string, value: string): string => `
import { defineJoin, z } from "millrace/function";
export const pairs = defineJoin({
  name: "pairs",
  key: ({ labels }) => labels.line,
  left: { input: z.object({ power: z.number() }) },
  right: { input: z.object({ parts: z.number() }) },
  stateVersion: ${stateVersion},
  within: "${within}",
  outer: "left",
  idle: "1h",
  join: (left, right) => ({ ["pair_" + left.metrics.power + "_" + (right?.metrics.parts ?? "none")]: ${value} }),
});
`;

describe("a join over what has been", { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const file = join(directory.path, "pairs.ts");
  let instance: Instance;

  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = async (...[stateVersion, within, value]: Parameters<typeof source>): Promise<string> => {
    writeFileSync(file, source(stateVersion, within, value));
    return millrace("deploy", file, "--yes");
  };
  /** Nothing is on its way: what is sent next comes behind all of it. */
  const worked = (): Promise<void> =>
    eventually(async () => {
      const { consumers } = await instanceApi(data).get<PartitionView>("/partitions");
      const stages = consumers.filter(({ name }) => name.startsWith("stage:"));
      return stages.length === 3 && stages.every(({ partitions }) => partitions.every(({ lag }) => lag === 0));
    }, 30_000);
  const send = async (kind: Kind, at: number): Promise<void> => {
    const values = kind === "meter" ? { power: at } : { parts: at };
    const response = await fetch(`${instance.ready.ingest}/v1/telemetry`, {
      method: "POST",
      headers: { authorization: `Bearer token-of-the-${kind}`, "content-type": "application/json" },
      body: JSON.stringify({ ts: T0 + at * SECOND, values }),
    });
    expect(response.status).toBeLessThan(300);
  };
  const backtest = async (): Promise<BacktestReport> =>
    JSON.parse(await millrace("backtest", file, ...RANGE, "--json"));

  beforeAll(async () => {
    const environment = { MILLRACE_PARTITIONS: String(PARTITIONS) };
    instance = await startInstance({ data, flags: ["--no-clickhouse"], environment });
    const devices = (Object.keys(DEVICES) as Kind[]).map((kind) => {
      return { id: DEVICES[kind], token: `token-of-the-${kind}`, labels: { line: LINE } };
    });
    await instanceApi(data).post("/devices/import", {
      devices: [...devices, { id: LINE, token: "token-of-the-line" }],
    });
    await deploy(1, "2s", "1");
    for (const [kind, at] of SENT) {
      await send(kind, at);
      await worked();
    }
    await millrace("flush", "--all", "--up-to", String(END));
    await worked();
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  it("gives what it gave live, and the same bytes again", async () => {
    const report = await backtest();
    expect(report.compared).toEqual({ equal: PAIRS.length, changed: 0, new: 0, missing: 0, examples: [] });
    expect(report).toMatchObject({ readings: SENT.length, emitted: PAIRS.length, events: 2, deadLetters: 0 });
    expect((await backtest()).hash).toBe(report.hash);
    const text = await millrace("backtest", file, ...RANGE);
    expect(text).toContain("compared      7 values as stored, 0 changed, 0 new, 0 missing");
    expect(text).toContain("What is joined comes in the order in which the gateway received it.");
  });

  it("is refused from the tables, which do not know the order", async () => {
    const refused = await runMillraceAsync(["backtest", file, ...RANGE, "--source", "tables", "--data", data]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(
      /^millrace: a join meets readings in the order .* the tables do not know\. Run it with --source log/,
    );
  });

  it("is compared before a deploy, and by versions, and says which pairs differ", async () => {
    const text = await deploy(2, "1s", "left.metrics.power === 11 ? 2 : 1");
    expect(text).toContain(`pairs: this code instead of @1, over ${SENT.length} readings of the last 300 s`);
    // 31_33 and 32_30 are too far apart now.
    expect(text).toContain("values        4 equal, 1 changed, 0 new, 2 missing");
    expect(text).toMatch(/ line-1 pair_11_10: 1 → 2\n/);
    expect(text).toMatch(/ line-1 pair_31_33: 1 → –\n/);
    expect(text).toContain("pairs@2 runs from here on.");
    const compared: VersionComparison = JSON.parse(await millrace("diff", "pairs", "1", "2", "--json"));
    expect(compared).toMatchObject({ before: 1, after: 2, equal: 4, changed: 1, onlyBefore: 2, onlyAfter: 0 });
    expect(await millrace("diff", "pairs", "2", "1")).toMatch(/ line-1 pair_31_33: – → 1\n/);
    expect((await backtest()).compared).toMatchObject({ equal: 4, changed: 1, new: 0, missing: 2 });
  });

  it("explains a pair by its two messages, and what stayed alone by its one", async () => {
    const why = async (metric: string, at: number): Promise<Explanation> =>
      JSON.parse(await millrace("why", "reading", LINE, metric, String(T0 + at * SECOND), "--json"));
    const causesOf = ({ messages }: Explanation) => messages.filter(({ isCause }) => isCause);
    const pair = await why("pair_32_33", 33);
    expect(pair).toMatchObject({ function: "pairs@1", isReproduced: true, notes: [], topic: "readings" });
    expect(causesOf(pair).map(({ readings }) => readings[0]?.metrics)).toEqual([{ parts: 33 }, { power: 32 }]);
    expect(pair.counts.causes).toBe(2);
    expect(JSON.stringify(pair.before)).not.toContain('"power":32');
    expect(JSON.stringify(pair.after)).toContain('"power":32');
    const alone = await why("pair_20_none", 20);
    expect(alone.isReproduced).toBe(true);
    expect(causesOf(alone).map(({ readings }) => readings[0]?.metrics)).toEqual([{ power: 20 }]);
    const text = await millrace("why", "reading", LINE, "pair_1_2", String(T0 + 2 * SECOND));
    expect(text).toMatch(/^line-1 at .*: \{"pair_1_2":1\}\n/);
    expect(text).toContain("Made by      pairs@1, at ");
    expect(text).toContain("Proof        these messages, run again, give this very output");
    expect(text).toMatch(/"side":"left"|meter-/);
  });

  it("says that there is no such output, and explains what no join made as ever", async () => {
    const none = await runMillraceAsync(["why", "reading", LINE, "pair_9_9", String(T0), "--data", data]);
    expect(none.stderr).toContain("the log holds no such reading");
    const sent = await runMillraceAsync([
      "why",
      "reading",
      DEVICES.meter,
      "power",
      String(T0 + SECOND),
      "--data",
      data,
    ]);
    expect(sent.stdout).toMatch(/Made by +clean@1/);
    const letter = await runMillraceAsync(["why", "dead-letter", "repartition/0/0", "--data", data]);
    expect(letter.stderr).toContain("the log holds no such dead-letter");
  });

  it("explains what it failed on, behind the flush", async () => {
    await deploy(2, "1s", "(() => { throw new RangeError('no such pair'); })()");
    await send("meter", 170);
    await worked();
    await send("counter", 171);
    await worked();
    // No table says where it is: nothing has come to the key's partition since.
    const { consumers } = await instanceApi(data).get<PartitionView>("/partitions");
    const partition = partitionOf(`default/${LINE}`, PARTITIONS);
    const joins = consumers.find(({ name }) => name === "stage:joins")?.partitions ?? [];
    const end = joins.find((one) => one.partition === partition)?.endOffset ?? 0;
    const explained: Explanation = JSON.parse(
      await millrace("why", "dead-letter", `repartition/${partition}/${end - 1}`, "--json"),
    );
    expect(explained).toMatchObject({ function: "pairs@3", isReproduced: true, output: { error: "no such pair" } });
    expect(explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics)).toEqual([
      { power: 170 },
      { parts: 171 },
    ]);
  });
});
