import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, expect, test } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { ReplayStatus } from "../../core/replay.ts";

const START = Date.UTC(2026, 0, 1);
const FILLING = "const kept = new Map(); while (metrics.value === 0) kept.set(kept.size, new Array(64).fill(0));";
const source = (name: string, call: string) => `import { defineMap, z } from "millrace/function";
export const ${name} = defineMap({
  name: "${name}",
  input: z.object({ value: z.number() }),
  process({ metrics }) { ${call} return { ${name}d: metrics.value }; },
});
`;

const directory = temporaryDirectory();
const files = temporaryDirectory();
let instance: Instance | null = null;
afterAll(async () => {
  await instance?.kill();
  directory.dispose();
  files.dispose();
});

test.skipIf(!hasChdb())(
  `a replay whose function fills the heap fails, and nothing else ${CHDB_TITLE}`,
  { timeout: 180_000 },
  async () => {
    instance = await startInstance({ data: directory.path });
    const api = instanceApi(directory.path);
    await api.post("/devices/import", { devices: [{ id: "meter", token: "token-of-meter" }] });
    const identity = { clientId: "meter", username: "meter", password: "token-of-meter", reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, identity);
    const command = (...args: string[]) => runMillraceAsync([...args, "--data", directory.path]);
    const deploy = async (name: string, call: string): Promise<void> => {
      const file = join(files.path, `${name}.ts`);
      writeFileSync(file, source(name, call));
      expect(await command("deploy", file, "--yes", "--no-shadow")).toMatchObject({ code: 0 });
    };
    const send = async (value: number): Promise<void> => {
      const message = JSON.stringify({ ts: START + value, values: { value } });
      await client.publishAsync("v1/devices/me/telemetry", message, { qos: 1 });
      await settled(api, 60_000);
    };
    const replay = async (name: string): Promise<ReplayStatus> => {
      const range = ["--from", String(START), "--to", String(START + 1000), "--dry-run", "--json"];
      const { stdout, stderr } = await command("replay", name, ...range);
      if (stdout === "") throw new Error(stderr);
      return JSON.parse(stdout);
    };

    await deploy("store", "");
    await deploy("fill", "");
    await send(0);
    // Live readings have other values from now on: only a replay meets the one that it never comes back from.
    await deploy("fill", FILLING);
    await send(1);
    expect(await replay("fill")).toMatchObject({
      state: "failed",
      error: expect.stringContaining("filled the heap"),
    });
    await send(2);
    expect(await replay("store")).toMatchObject({ state: "done", results: 3 });
    await client.endAsync();
  },
);
