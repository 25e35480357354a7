import type { AuditReport } from "../core/audit-report.ts";
import type { Clock } from "../core/clock.ts";
import type { DeadLetterQueue, QueuedDeadLetter } from "../core/dead-letter-queue.ts";
import type { TopicPosition } from "../core/event-log.ts";
import type { CanaryCounts } from "../core/canary.ts";
import type { FunctionUsage } from "../core/function-usage.ts";
import type { HistoryQueries } from "../core/history.ts";
import type { Readiness } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { MetricSample } from "../core/metrics.ts";
import type { Fault, LedgerReport, Overview } from "../core/overview.ts";
import type { PartitionView } from "../core/partition-view.ts";
import type { Header } from "../core/record.ts";
import type { Rejects } from "../core/rejects.ts";
import type { DeployedBundle, FunctionInput } from "../core/function-store.ts";
import type { ShadowReplay } from "../core/version-comparison.ts";
import type { Registry } from "../core/registry.ts";
import type { Replays } from "../core/replay.ts";
import type { SlowDevice, SlowDevicesQuery } from "../core/slow-devices.ts";
import type { Why, WhyJoined } from "../core/why.ts";
import type { SignInCodes } from "./sign-in-codes.ts";

/** The broker, wherever it runs. Rejects with NOT_RUNNING while it does not listen. */
export interface MqttEdge {
  status(): Promise<{ readonly port: number; readonly connections: number }>;
  /** Those of these devices (`tenant/device`) that are connected. */
  connectedOf(keys: readonly string[]): Promise<readonly string[]>;
}

/** Dead letters, and what else is needed to run their records again. */
export interface DeadLetterSource {
  readonly queue: DeadLetterQueue;
  /** The stage in which the function reads the topic; of a whole step, the stage in which it failed. Null when nothing runs there. */
  stageOf(letter: Pick<QueuedDeadLetter, "source" | "function" | "stage">): Promise<string | null>;
  /** Of the record that lies there in the log; none when the log has forgotten it. */
  headersAt(source: TopicPosition): Promise<readonly Header[]>;
}

/** What the API stands on. Nothing here is touched before the first request, apart from `listen` and `pagesDirectory`. */
export interface ApiOptions {
  /** Port 0 picks a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** `probes`: health, readiness and metrics alone. */
  readonly surface?: "all" | "probes";
  readonly registry: Registry;
  /** Null when nothing stores readings (--no-clickhouse): history answers SINK_UNAVAILABLE then. */
  readonly history: HistoryQueries | null;
  /** Null as `history` is. */
  readonly rejects: Rejects | null;
  /** Null as `history` is. */
  readonly deadLetters: DeadLetterSource | null;
  readonly edge: MqttEdge;
  readonly why: Why;
  readonly whyJoined: WhyJoined;
  /** What came of the calls of canaries since the threads started, by `name@version`. */
  canaryCounts(): Promise<ReadonlyMap<string, CanaryCounts>>;
  readonly replays: Replays;
  /** Of users' functions and ours, by version. */
  functionUsage(): Promise<readonly FunctionUsage[]>;
  /** The worst first. */
  slowDevices(query: SlowDevicesQuery): Promise<readonly SlowDevice[]>;
  overview(): Promise<Overview>;
  ledger(): Promise<LedgerReport>;
  partitions(): Promise<PartitionView>;
  /** Proves the ledger from the log and the tables. Reads the whole log: may take minutes. */
  audit(): Promise<AuditReport>;
  /** Samples of all threads, for `/metrics`. */
  metrics(): Promise<readonly MetricSample[]>;
  /** The whole process's readiness, and what stands without making it unready, for `/readyz`. */
  readonly health: Readiness & { faults(): readonly Fault[] };
  /** The built browser app; null when there is none. */
  readonly pagesDirectory: string | null;
  readonly signInCodes: SignInCodes;
  /** Resolves when nothing of a removed device is left in the tables. Safe to repeat. */
  eraseDevice?(tenant: string, device: string): Promise<void>;
  /** Loads the code once, apart, and says what it exports. `where`: it is to run. FUNCTION_INVALID; LIMIT_EXCEEDED when too many wait for that. */
  outlineFunctions(code: string, where?: Pick<DeployedBundle, "stage" | "limits">): Promise<readonly FunctionInput[]>;
  readonly shadow: ShadowReplay;
  readonly clock: Clock;
  readonly logger: Logger;
}
