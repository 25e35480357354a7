import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";

const DEVICES = 5;
const AUDITS = 5;

describe.skipIf(!hasChdb())(`the audit of a system that is never still ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
  }, 60_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  /** Publishes one message after the other until told to stop; resolves with how many were acknowledged. */
  async function publishUntil(stopping: AbortSignal, device: string): Promise<number> {
    const options = { clientId: device, username: device, password: `token-of-${device}`, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    let acknowledged = 0;
    while (!stopping.aborted) {
      await client.publishAsync("v1/devices/me/telemetry", JSON.stringify({ a: acknowledged, b: 1 }), { qos: 1 });
      acknowledged += 1;
    }
    await client.endAsync();
    return acknowledged;
  }

  it("balances each time, and grows", async () => {
    const devices = Array.from({ length: DEVICES }, (_, n) => ({ id: `d${n}`, token: `token-of-d${n}` }));
    await api.post("/devices/import", { devices });
    // The tables are there.
    await settled(api, 60_000);
    const stopping = new AbortController();
    const publishing = devices.map(({ id }) => publishUntil(stopping.signal, id));
    const admitted: number[] = [];
    try {
      for (let n = 0; n < AUDITS; n += 1) {
        const report = await api.get<AuditReport>("/audit");
        expect(report).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
        expect(report.ledger.values.stored).toBe(2 * report.ledger.messages.processed);
        admitted.push(report.ledger.messages.admitted);
      }
    } finally {
      stopping.abort();
    }
    const sent = (await Promise.all(publishing)).reduce((sum, count) => sum + count, 0);
    expect(admitted).toEqual(admitted.toSorted((a, b) => a - b));
    expect(new Set(admitted).size).toBeGreaterThan(1);
    const last = await api.get<AuditReport>("/audit");
    expect(last).toMatchObject({ balanced: true, ledger: { messages: { processed: sent, inFlight: 0 } } });
  });
});
