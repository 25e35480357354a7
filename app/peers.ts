import { within } from "./deadline.ts";
import { callThread } from "./thread-rpc.ts";
import { MillraceError, errorText, isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { createMetrics } from "../core/metrics.ts";
import type { MessagePort } from "node:worker_threads";
import type { MqttEdge } from "../api/api-options.ts";
import type { Logger } from "../core/logger.ts";
import type { DeadLetterQueue } from "../core/dead-letter-queue.ts";
import type { HistoryQueries } from "../core/history.ts";
import type { Rejects } from "../core/rejects.ts";
import type { MetricSample } from "../core/metrics.ts";
import type { SettledReadings } from "../sinks/clickhouse/settled-readings.ts";
import type { Erasure } from "../sinks/clickhouse/erased-devices.ts";
import type { PartHealth } from "./part-health.ts";
import type { LocateTables, TableReaders } from "./table-readers.ts";
import type { RemoteCall } from "./thread-rpc.ts";
import type { ReplaysApi } from "./threads/replay-threads.ts";
import type { ClickHouseApi, FunctionsApi, GatewayApi, ProcessorsApi } from "./threads/thread-apis.ts";
import type { StageTotals } from "../runtime/stage-runner.ts";

export interface PeerPorts {
  /** Null in a process that is no gateway. */
  readonly gateway: MessagePort | null;
  readonly processors: readonly MessagePort[];
  /** Where the acknowledging thread tells of the threads of users' functions. */
  readonly functions: MessagePort;
  readonly clickhouse: MessagePort | null;
}

/** The other threads, as services sees them. */
export interface Peers {
  totals(): Promise<readonly StageTotals[]>;
  sums(): Promise<readonly StageTotals[]>;
  worst(prefix: string, count: number): Promise<readonly StageTotals[]>;
  totalsOf(keys: readonly string[]): Promise<readonly StageTotals[]>;
  /** Of all processor threads of this process. */
  busySeconds(): Promise<number>;
  readonly processorCount: number;
  /** Of all parts that answer in time, and which those are. */
  metrics(): Promise<readonly MetricSample[]>;
  /** How each part stands. */
  readonly health: Readonly<Record<string, () => Promise<PartHealth>>>;
  /** Resolves when the connections of these devices have ended and what is known of their tokens is forgotten. Never rejects. */
  disconnect(keys: readonly string[]): Promise<void>;
  readonly edge: MqttEdge;
  /** Null with --no-clickhouse. */
  readonly history: HistoryQueries | null;
  readonly rejects: Rejects | null;
  readonly deadLetters: DeadLetterQueue | null;
  /** Runs in a thread that the acknowledging one starts. */
  readonly replays: RemoteCall<ReplaysApi>;
  /** Removed devices, as the sink knows them; null when there is none in this process. */
  erasures(): Promise<readonly Erasure[] | null>;
  /** Readings that the sink has stored, and up to where; null when it cannot say, or there is none. */
  settled(): Promise<SettledReadings | null>;
}

/** An audit copies the counts of every device. */
const TOTALS_WAIT_MS = 60_000;
/** The overview is made every second. */
const SUMS_WAIT_MS = 5000;
/** Below the usual time-out of who asks for metrics. */
const METRICS_WAIT_MS = 3000;

/** `tablesOf` makes who asks the tables; null where there are none. */
export function createPeers(
  ports: PeerPorts,
  logger: Logger,
  tablesOf: ((locate: LocateTables) => TableReaders) | null = null,
): Peers {
  const gateway = ports.gateway === null ? null : callThread<GatewayApi>(ports.gateway, "gateway");
  const processors = ports.processors.map((port, index) =>
    callThread<ProcessorsApi>(port, `processors.${index}`, { totals: TOTALS_WAIT_MS, sums: SUMS_WAIT_MS }),
  );
  const functions = callThread<FunctionsApi & ReplaysApi>(ports.functions, "functions", {
    cancelReplay: LIMITS.replaySilenceMsMax,
  });
  const clickhouse = ports.clickhouse === null ? null : callThread<ClickHouseApi>(ports.clickhouse, "clickhouse");
  /** It may restart at another address. */
  const tables = clickhouse === null ? null : (tablesOf?.(() => clickhouse("connection")) ?? null);
  return {
    totals: () => Promise.all(processors.map((call) => call("totals"))),
    sums: () => Promise.all(processors.map((call) => call("sums"))),
    worst: (prefix, count) => Promise.all(processors.map((call) => call("worst", prefix, count))),
    totalsOf: (keys) => Promise.all(processors.map((call) => call("totalsOf", keys))),
    async busySeconds() {
      const each = await Promise.all(processors.map((call) => call("busySeconds")));
      return each.reduce((sum, seconds) => sum + seconds, 0);
    },
    processorCount: processors.length,
    async metrics() {
      const all = await Promise.all([
        ...(gateway ? [metricsOf("gateway", gateway("metrics"))] : []),
        ...processors.map((call, index) => metricsOf(`processors.${index}`, call("metrics"))),
        functions("metrics"),
        ...(clickhouse ? [metricsOf("clickhouse", clickhouse("metrics"))] : []),
      ]);
      return all.flat();
    },
    health: {
      ...(gateway ? { gateway: () => gateway("health") } : {}),
      ...Object.fromEntries(processors.map((call, index) => [`processors.${index}`, () => call("health")])),
      functions: () => functions("health"),
      ...(clickhouse ? { clickhouse: () => clickhouse("health") } : {}),
    },
    async disconnect(keys) {
      try {
        await gateway?.("disconnect", keys);
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        // The revocation is stored. Without the gateway nobody signs in either.
        logger.error({ keys, cause: errorText(error) }, "connections of revoked devices may still be open");
      }
    },
    edge: {
      // What connects elsewhere is not known here.
      status: async () => (await gateway?.("mqtt")) ?? { port: 0, connections: 0 },
      connectedOf: async (keys) => (await gateway?.("connectedOf", keys)) ?? [],
    },
    history: tables?.history ?? null,
    rejects: tables?.rejects ?? null,
    deadLetters: tables?.deadLetters ?? null,
    replays: functions,
    erasures: async () => (await clickhouse?.("erasures")) ?? null,
    settled: async () => (await clickhouse?.("settled")) ?? null,
  };
}

/** One part that hangs must not hide the metrics of the others. */
async function metricsOf(part: string, asked: Promise<readonly MetricSample[]>): Promise<readonly MetricSample[]> {
  const own = createMetrics();
  const answers = own.gauge("millrace_part_answers", "1 for a part that has answered in time, else 0.", { part });
  const late = () => new MillraceError("TIMED_OUT", `${part} has not answered`);
  try {
    const samples = await within(asked, METRICS_WAIT_MS, late);
    answers.set(1);
    return [...own.snapshot(), ...samples];
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return own.snapshot();
  }
}
