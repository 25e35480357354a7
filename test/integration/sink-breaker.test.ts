import { expect, it, onTestFinished } from "vitest";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { hasChdb, openBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { Overview } from "../../core/overview.ts";

const MESSAGES = 60;
const TIMEOUT_MS = 120_000;

it.skipIf(!hasChdb())(
  "a ClickHouse that goes away opens the breaker, and has every row once when it is back",
  { timeout: TIMEOUT_MS },
  async () => {
    const directory = temporaryDirectory();
    onTestFinished(() => directory.dispose());
    const bench = await openBench("server");
    onTestFinished(() => bench.close());
    if (bench.server === null) throw new Error("the bench has no server");
    await bench.startChdb();
    const environment = { MILLRACE_CLICKHOUSE_URL: bench.server.url() };
    const instance = await startInstance({ data: directory.path, environment });
    onTestFinished(() => instance.kill());
    const { ingest, token } = instance.ready;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const publish = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const body = JSON.stringify({ ts: Date.now() - n * 1000, values: { n } });
        expect((await fetch(`${ingest}/v1/telemetry`, { method: "POST", headers, body })).ok).toBe(true);
      }
    };
    const api = instanceApi(directory.path);
    const breaker = async () => {
      const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
      return /^millrace_sink_breaker_state\{[^}]*clickhouse[^}]*\} (\d)/m.exec(text)?.[1];
    };
    const readiness = async () => (await fetch(`${instance.httpUrl}/readyz`)).text();
    await publish(MESSAGES);
    await settled(api, 60_000);
    expect(await breaker()).toBe("0");
    await bench.server.down();
    await publish(MESSAGES);
    await eventually(async () => (await breaker()) === "2", 60_000);
    await eventually(async () => /Rows do not reach ClickHouse.*next try at/.test(await readiness()), 20_000);
    const overview = () => api.get<Overview>("/overview");
    expect((await overview()).ledger.messages).toMatchObject({ admitted: 2 * MESSAGES, deadLettered: 0 });
    const isTold = ({ text }: { readonly text: string }) => /is not lost \([1-9]\d* records\); next try at/.test(text);
    await eventually(async () => (await overview()).faults.some(isTold), 20_000);
    await bench.server.up();
    const audit = await settled(api, 60_000);
    expect(audit).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
    expect(audit.ledger).toMatchObject({ messages: { processed: 2 * MESSAGES, deadLettered: 0 } });
    expect(audit.ledger.values.stored).toBe(2 * MESSAGES);
    await eventually(async () => (await breaker()) === "0", 20_000);
  },
);
