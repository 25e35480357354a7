import { randomBytes } from "node:crypto";
import type { AuditReport } from "../core/audit-report.ts";
import type { Overview } from "../core/overview.ts";
import type { Instance } from "../test/support/instance.ts";
import type { BenchDevice } from "./device-connection.ts";

/** What the benchmark asks of the instance through its API. */
export interface InstanceClient {
  readonly headers: { readonly authorization: string };
  addDevices(count: number): Promise<BenchDevice[]>;
  /** Resolves when this many messages in all are processed and every consumer has caught up; rejects when one was not processed. */
  settled(messages: number): Promise<void>;
  audit(): Promise<AuditReport>;
  /** The sum of a counter over its labels that hold this text. */
  counter(name: string, labels: string): Promise<number>;
}

const LOOK_EVERY_MS = 250;
const SETTLE_MS_MAX = 600_000;

export function createInstanceClient({ httpUrl, ready }: Instance): InstanceClient {
  const headers = { authorization: `Bearer ${ready.adminToken}` };
  const request = async <T>(path: string, body?: object): Promise<T> => {
    const response = await fetch(`${httpUrl}/api/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    // The API's own shapes: see core.
    return (await response.json()) as T;
  };
  return {
    headers,
    async addDevices(count) {
      const devices = Array.from({ length: count }, (_, index) => ({
        id: `bench-${index}`,
        token: `mr_d_${randomBytes(32).toString("base64url")}`,
      }));
      await request("/devices/import", { devices });
      return devices;
    },
    async settled(messages) {
      const deadline = Date.now() + SETTLE_MS_MAX;
      for (;;) {
        const { hops, ledger } = await request<Overview>("/overview");
        const { admitted, inFlight, processed } = ledger.messages;
        const caughtUp = admitted >= messages && inFlight === 0 && hops.every(({ lag }) => lag === 0);
        if (caughtUp && processed === messages) return;
        if (caughtUp || Date.now() > deadline)
          throw new Error(`${processed} of ${messages} processed: ${JSON.stringify(ledger)}, ${JSON.stringify(hops)}`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    },
    audit: () => request<AuditReport>("/audit"),
    async counter(name, labels) {
      const text = await (await fetch(`${httpUrl}/metrics`, { headers })).text();
      const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
    },
  };
}
