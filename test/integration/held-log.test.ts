import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import type { Fault } from "../../core/overview.ts";

const CEILING_BYTES = 64 * 1024 * 1024;
const FAILING = `
import { defineMap, z } from "millrace/function";
export const failing = defineMap({
  name: "failing",
  input: z.object({ n: z.number() }),
  process() { throw new Error("always"); },
});
`;
const LONG = "a".repeat(4000);
const ALIVE = { timeout: 60_000, interval: 200 };

async function send({ ready }: Instance, values: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${ready.ingest}/v1/telemetry`, {
    method: "POST",
    headers: { authorization: `Bearer ${ready.token}`, "content-type": "application/json" },
    body: JSON.stringify({ values }),
  });
  expect(response.status).toBeLessThan(300);
}

test(
  "a paused stage that holds a quarter of the log is named by /readyz while everything is acknowledged, until its function is undeployed",
  { timeout: 240_000 },
  async () => {
    const { path, dispose } = temporaryDirectory();
    const data = join(path, "data");
    const environment = { MILLRACE_LOG_BYTES_MAX: String(CEILING_BYTES) };
    const instance = await startInstance({ data, flags: ["--no-clickhouse"], environment });
    const faults = async (): Promise<readonly string[]> => {
      const response = await fetch(`${instance.httpUrl}/readyz`);
      const answer: { ready: boolean; faults: readonly Fault[] } = JSON.parse(await response.text());
      expect(answer.ready).toBe(true);
      return answer.faults.map(({ id, text }) => `${id}: ${text}`);
    };
    const millrace = async (...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await runMillraceAsync([...args, "--data", data]);
      expect(code, stderr).toBe(0);
    };
    try {
      const file = join(path, "functions.ts");
      writeFileSync(file, FAILING);
      await millrace("deploy", file, "--yes");
      // More than makes a pause: the deploy, where it has not been seen yet, ends the first one.
      for (let n = 0; n < 150; n++) await send(instance, { n });
      await expect.poll(faults, ALIVE).toContainEqual(expect.stringMatching(/^functions\..*stage functions is paused/));
      // As messages and as readings: more than a quarter of the ceiling, and far less than all of it.
      const names = Array.from({ length: 20 }, (_, x) => [`text${x}`, LONG] as const);
      for (let n = 0; n < 180; n++) await send(instance, { n, ...Object.fromEntries(names) });
      const held = /^held\.functions: functions has still to read about \d+ bytes, [2-9]\d % of the log's ceiling/;
      await expect.poll(faults, ALIVE).toContainEqual(expect.stringMatching(held));
      await millrace("undeploy", "failing", "--yes");
      await expect.poll(faults, ALIVE).toEqual([]);
    } finally {
      await instance.kill();
      dispose();
    }
  },
);
