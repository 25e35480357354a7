import type { PartHealth } from "../part-health.ts";
import type { MetricSample } from "../../core/metrics.ts";
import type { StageSettings } from "../../core/stage-settings.ts";
import type { Principal } from "../../core/registry.ts";
import type { SettledReadings } from "../../sinks/clickhouse/settled-readings.ts";
import type { Erasure } from "../../sinks/clickhouse/erased-devices.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";
import type { ClickHouseConnection } from "../../sinks/clickhouse/clickhouse-connection.ts";

/** What the threads offer each other. Types, not interfaces, because ThreadApi wants an index signature. */

/** The acknowledging thread: broker and log writer. */
export type GatewayApi = {
  health(): PartHealth;
  metrics(): readonly MetricSample[];
  mqtt(): { readonly port: number; readonly connections: number };
  connectedOf(keys: readonly string[]): readonly string[];
  disconnect(keys: readonly string[]): void;
};

/** Registry, API, hub, notifications, ticks and control records. */
export type ServicesApi = {
  /** Resolves when everything is loaded that a start loads. */
  prepare(): Promise<void>;
  start(): Promise<{ readonly httpPort: number; readonly adminToken: string | null }>;
  authenticate(token: string): Promise<Principal | null>;
  /** The device (`tenant/device`) if it is there and enabled. */
  findDevice(key: string): Promise<Principal | null>;
  /** Those of these ids for which the gateway (`tenant/device`) may publish; those that it may create are created. */
  publishable(gateway: string, ids: readonly string[]): Promise<readonly string[]>;
  touch(lastSeen: ReadonlyMap<string, number>): Promise<void>;
  /** Of stages of users' functions, by their names in the log; what is not named is as usual. */
  stageSettings(): Promise<ReadonlyMap<string, StageSettings>>;
  signInCode(): string;
  /** Makes the device with this token unless it exists. */
  ensureDevice(id: string, token: string): Promise<void>;
  /** Applies a configuration document and hands every device of it a fresh token. */
  applyDemo(yaml: string): Promise<readonly { readonly id: string; readonly type: string; readonly token: string }[]>;
  stop(deadlineMs: number): Promise<void>;
};

export type ProcessorsApi = {
  /** Answered when the thread has loaded everything and its log is open: it works nothing yet. */
  prepare(): void;
  start(): Promise<void>;
  health(): PartHealth;
  metrics(): readonly MetricSample[];
  /** Per key: for the audit. */
  totals(): StageTotals;
  /** All keys added up, under one empty key: for the overview. */
  sums(): StageTotals;
  /** Of those keys that begin so, the ones whose messages counted least: for the list of slow devices. */
  worst(prefix: string, count: number): StageTotals;
  /** Of these keys alone. */
  totalsOf(keys: readonly string[]): StageTotals;
  /** Of a thread that was started without partitions; see AssignmentListener. */
  take(partitions: readonly number[]): Promise<void>;
  release(partitions: readonly number[]): Promise<void>;
  /** Seconds that the thread has worked since it began, waiting left out. */
  busySeconds(): number;
  stop(deadlineMs: number): Promise<void>;
};

/** The threads of users' functions, as the acknowledging thread that starts them knows them. */
export type FunctionsApi = {
  health(): Promise<PartHealth>;
  metrics(): Promise<readonly MetricSample[]>;
};

export type ClickHouseApi = {
  start(): Promise<void>;
  health(): PartHealth;
  metrics(): readonly MetricSample[];
  /** Null while the embedded server is down, and another one after every restart of it; of a real server always the same. */
  connection(): ClickHouseConnection | null;
  /** The removed devices that the sink knows: what else it reads of them it does not store. Null when the sink runs elsewhere. */
  erasures(): readonly Erasure[] | null;
  settled(): SettledReadings | null;
  stop(deadlineMs: number): Promise<void>;
};
