import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../support/free-port.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { openInstanceLog, visitTopic } from "../support/log-dump.ts";
import { instanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import type { Overview } from "../../core/overview.ts";

const MESSAGES = 60;

it("a sink that is away stands still and is a fault: nothing becomes a dead letter for it", async () => {
  const directory = temporaryDirectory();
  onTestFinished(() => directory.dispose());
  const environment = { MILLRACE_CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}` };
  const instance = await startInstance({ data: directory.path, environment });
  onTestFinished(() => instance.kill());
  const { ingest, token } = instance.ready;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  for (let n = 0; n < MESSAGES; n += 1) {
    const body = JSON.stringify({ ts: Date.now() - n * 1000, values: { n } });
    expect((await fetch(`${ingest}/v1/telemetry`, { method: "POST", headers, body })).ok).toBe(true);
  }
  const overview = () => instanceApi(directory.path).get<Overview>("/overview");
  const processed = async () => (await overview()).ledger.messages.processed;
  await eventually(async () => (await processed()) === MESSAGES, 60_000);
  await eventually(async () => (await overview()).faults.some(({ text }) => /clickhouse/i.test(text)), 60_000);
  await instance.stop();
  const log = await openInstanceLog(directory.path);
  const counts = { readings: 0, "dead-letters": 0 };
  for (const topic of ["readings", "dead-letters"] as const)
    await visitTopic(log, topic, () => void (counts[topic] += 1));
  await log.close(AbortSignal.timeout(5000));
  expect(counts).toEqual({ readings: MESSAGES, "dead-letters": 0 });
});
