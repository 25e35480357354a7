import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { instanceApi } from "../support/replay-run.ts";
import type { VersionComparison } from "../../core/version-comparison.ts";

/** Doubles what is below 5, and does something else with the rest. */
const source = (rest: string): string => `
import { defineMap, z } from "millrace/function";
export const doubling = defineMap({
  name: "doubling",
  input: z.object({ n: z.number() }),
  process({ metrics: { n } }, context) {
    const { factor = 2 } = context.reference("factors", "all") ?? {};
    if (n < 5) return { doubled: n * factor };
    ${rest}
  },
});
`;

describe("two versions over the last minutes of a running instance", { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  let instance: Instance;

  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = async (text: string, ...flags: readonly string[]): Promise<string> => {
    const file = join(directory.path, "doubling.ts");
    writeFileSync(file, text);
    return millrace("deploy", file, "--yes", ...flags);
  };
  const diff = async (...args: readonly string[]): Promise<VersionComparison> =>
    JSON.parse(await millrace("diff", "doubling", ...args, "--json"));

  beforeAll(async () => {
    instance = await startInstance({ data, flags: ["--no-clickhouse"] });
    const { ingest, token } = instance.ready;
    for (let n = 0; n < 8; n += 1) {
      await fetch(`${ingest}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ ts: Date.now() - 60_000 + n * 1000, values: { n } }),
      });
    }
    await instanceApi(data).put("/tables/factors", { rows: { all: { factor: 10 } } });
    await deploy(source("return { doubled: n * 10 };"));
    await eventually(async () => (await diff("1", "1")).readings === 8, 30_000);
  }, 120_000);
  afterAll(async () => {
    await instance?.stop();
    directory.dispose();
  });

  it("are compared before a deploy, which says what would differ", async () => {
    const text = await deploy(source("if (n === 6) throw new Error('not six'); if (n < 7) return { doubled: -1 };"));
    expect(text).toMatch(/doubling: this code instead of @1, over 8 readings of the last 300 s/);
    expect(text).toContain("values        5 equal, 1 changed, 0 new, 2 missing");
    expect(text).toMatch(/doubled: 50 → -1\n/);
    expect(text).toContain("dead letters  1 instead of 0");
    expect(text).toMatch(/1 × not six; first of /);
    expect(text).toContain("doubling@2 runs from here on.");
    expect(await deploy(source("return { other: n };"), "--no-shadow")).not.toContain("readings of the last");
  });

  it("are compared when they have numbers, and a canary with what is live", async () => {
    expect(await diff("1", "2")).toMatchObject({ before: 1, after: 2, equal: 5, changed: 1, onlyBefore: 2 });
    expect(await diff()).toMatchObject({ before: 2, after: 3 });
    await deploy(source("return { doubled: 0 };"), "--canary", "--step", "1h", "--no-shadow");
    expect(await diff()).toMatchObject({ before: 3, after: 4, equal: 5, onlyAfter: 3, onlyBefore: 3 });
    const none = await runMillraceAsync(["diff", "doubling", "1", "9", "--data", data]);
    expect(none.stderr).toContain('function "doubling" has no version 9');
  });

  it("are given up when one never comes back, and that stops no deploy", async () => {
    const text = await deploy(source("for (;;);"));
    expect(text).toContain("is not known: the versions were not compared within 10 s");
    expect(text).toContain("doubling@5 runs from here on.");
  });
});
