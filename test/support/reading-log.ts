import { join } from "node:path";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { deviceKey } from "../../core/ids.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER } from "../../core/record.ts";
import { openEmbeddedLog, type EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { Header, RecordInput } from "../../core/record.ts";

export const READING_LOG_PARTITIONS = 2;

/** What stands in the log for a reading: of a device, or derived by a user's function. */
export interface LoggedReading extends Pick<Reading, "device" | "ts" | "metrics"> {
  readonly received?: number;
  readonly tenant?: string;
  /** `name@version`. */
  readonly maker?: string;
  /** Of a replay: the source position of the reading whose place it takes. */
  readonly replaces?: string;
}

/** The log of a data directory, as an instance leaves it: readings, and a type with its devices. */
export async function writeReadingLog(
  data: string,
  readings: readonly LoggedReading[],
  partitionCount = READING_LOG_PARTITIONS,
): Promise<EmbeddedLog> {
  const log = await openEmbeddedLog({
    directory: join(data, "log"),
    partitionCount,
    generation: 1,
    bytesMax: 256 * 1024 * 1024,
    retentionMs: 3_600_000,
    requiredJournals: [],
    clock: { now: () => Date.now() },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const type = deviceTypeSchema.parse({ tenant: "default", id: "cold-room" });
  await log.append("telemetry", 0, [control({ v: 1, kind: "device-type", revision: 1, removed: false, type })]);
  for (const id of new Set(readings.map(({ device }) => device))) {
    const device = { tenant: "default", id, type: "cold-room", labels: { site: "north" }, disabled: false };
    await log.append("telemetry", 0, [control({ v: 1, kind: "device", revision: 2, removed: false, device })]);
  }
  await appendReadings(log, readings);
  return log;
}

/** One append for each partition. */
export async function appendReadings(log: EmbeddedLog, readings: readonly LoggedReading[]): Promise<void> {
  const { partitionCount } = log;
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const own = readings.filter(({ tenant = "default", device }) => {
      return partitionOf(deviceKey(tenant, device), partitionCount) === partition;
    });
    if (own.length > 0) await log.append("readings", partition, own.map(toRecord));
  }
}

function toRecord(logged: LoggedReading, index: number): RecordInput {
  const { tenant = "default", device, ts, received = ts, metrics, maker, replaces } = logged;
  const value: Reading = { v: 1, tenant, device, ts, received, metrics };
  const derived = replaces === undefined ? "functions readings" : "replay readings";
  const stage = maker === undefined ? "main telemetry" : derived;
  const headers: Header[] = [
    [HEADER.source, `${stage} 0 1 ${index} 0 0`],
    [HEADER.functionVersion, maker ?? "clean@1"],
  ];
  if (replaces !== undefined) headers.push([HEADER.replaces, replaces]);
  return { timestamp: received, key: deviceKey(tenant, device), value: Buffer.from(JSON.stringify(value)), headers };
}

function control(record: ControlRecord): RecordInput {
  const headers = [[HEADER.controlKind, record.kind]] as const;
  return { timestamp: Date.now(), key: null, value: Buffer.from(JSON.stringify(record)), headers };
}
