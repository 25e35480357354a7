import { createHistory } from "../sinks/clickhouse/history.ts";
import { createRejects } from "../sinks/clickhouse/rejects.ts";
import { callThread } from "./thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { HistoryQueries } from "../core/history.ts";
import type { Rejects } from "../core/rejects.ts";
import type { MetricSample } from "../core/metrics.ts";
import type { SettledReadings } from "../sinks/clickhouse/settled-readings.ts";
import type { Erasure } from "../sinks/clickhouse/erased-devices.ts";
import type { ClickHouseApi, GatewayApi, ProcessorsApi } from "./threads/thread-apis.ts";
import type { StageTotals } from "../runtime/stage-runner.ts";

export interface PeerPorts {
  readonly gateway: MessagePort;
  readonly processors: readonly MessagePort[];
  readonly clickhouse: MessagePort | null;
}

/** The other threads, as services sees them. */
export interface Peers {
  totals(): Promise<readonly StageTotals[]>;
  sums(): Promise<readonly StageTotals[]>;
  metrics(): Promise<readonly MetricSample[]>;
  /** What to ask each part for the reasons why it cannot serve. */
  readonly readiness: Readonly<Record<string, () => Promise<readonly string[]>>>;
  disconnect(keys: readonly string[]): void;
  /** Null with --no-clickhouse. */
  readonly history: HistoryQueries | null;
  readonly rejects: Rejects | null;
  /** Removed devices, as the sink knows them. */
  erasures(): Promise<readonly Erasure[]>;
  /** Readings that the sink has stored, and up to where; null when it cannot say, or there is none. */
  settled(): Promise<SettledReadings | null>;
}

export function createPeers(ports: PeerPorts): Peers {
  const gateway = callThread<GatewayApi>(ports.gateway);
  const processors = ports.processors.map((port) => callThread<ProcessorsApi>(port));
  const clickhouse = ports.clickhouse === null ? null : callThread<ClickHouseApi>(ports.clickhouse);
  /** It may restart at another address. */
  const locate = clickhouse === null ? null : () => clickhouse("connection");
  return {
    totals: () => Promise.all(processors.map((call) => call("totals"))),
    sums: () => Promise.all(processors.map((call) => call("sums"))),
    async metrics() {
      const all = await Promise.all([
        gateway("metrics"),
        ...processors.map((call) => call("metrics")),
        ...(clickhouse ? [clickhouse("metrics")] : []),
      ]);
      return all.flat();
    },
    readiness: {
      gateway: () => gateway("notReadyReasons"),
      ...Object.fromEntries(processors.map((call, index) => [`processors.${index}`, () => call("notReadyReasons")])),
      ...(clickhouse ? { clickhouse: () => clickhouse("notReadyReasons") } : {}),
    },
    disconnect: (keys) => void gateway("disconnect", keys),
    history: locate === null ? null : createHistory(locate),
    rejects: locate === null ? null : createRejects(locate),
    erasures: async () => (await clickhouse?.("erasures")) ?? [],
    settled: async () => (await clickhouse?.("settled")) ?? null,
  };
}
