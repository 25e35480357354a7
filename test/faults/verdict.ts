import { installationId } from "../../app/data-directory.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { aggregateSchema, readingSchema } from "../../core/derived-records.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { createSourceFilter, visitTopic } from "../support/log-dump.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { Cluster } from "../support/cluster.ts";
import type { Fleet } from "./fleet.ts";

/** What the run has shown. All but the first three are to be 0. */
export interface Verdict {
  readonly sent: number;
  readonly acknowledged: number;
  readonly windows: number;
  /** Acknowledged messages that are not in the log. */
  readonly missing: number;
  /** Messages that are in the log and have no reading, or more than one. */
  readonly readingsWrong: number;
  /** Windows whose last revision is not what the readings give. */
  readonly windowsWrong: number;
}

/** Reads the log as a stranger would, and compares it with the generator's ledger. */
export async function judge(cluster: Cluster, fleet: Fleet, prefix: string, partitions: number): Promise<Verdict> {
  const installation = installationId(Buffer.from(cluster.secret, "hex"));
  const { addresses } = cluster.kafka;
  const log = await openTestKafkaLog(addresses, createPlatformaticClient, partitions, prefix, { installation });
  try {
    const admitted = await admittedOf(log);
    const readings = await readingsOf(log);
    let missing = 0;
    for (const device of fleet.devices) {
      for (const n of device.acknowledged) if (!admitted.has(`${device.id} ${n}`)) missing += 1;
    }
    let readingsWrong = 0;
    for (const key of admitted) if ((readings.counts.get(key) ?? 0) !== 1) readingsWrong += 1;
    const { windows, windowsWrong } = await compareWindows(log, readings.windows);
    return { sent: fleet.sent, acknowledged: fleet.acknowledged, missing, readingsWrong, windows, windowsWrong };
  } finally {
    await log.close(AbortSignal.timeout(5000));
  }
}

/** `device n` of every message. */
async function admittedOf(log: EventLog): Promise<Set<string>> {
  const admitted = new Set<string>();
  await visitTopic(log, "telemetry", (record) => {
    if (isControlRecord(record)) return;
    const { values }: { values: { n: number } } = JSON.parse(new TextDecoder().decode(record.value));
    admitted.add(`${record.header(HEADER.clientId)} ${values.n}`);
  });
  return admitted;
}

async function readingsOf(log: EventLog) {
  const counts = new Map<string, number>();
  /** Sum and count per device, metric and minute. */
  const windows = new Map<string, { count: number; sum: number }>();
  const isNew = createSourceFilter();
  await visitTopic(log, "readings", (record) => {
    if (!isNew(record)) return;
    const reading = readingSchema.parse(JSON.parse(new TextDecoder().decode(record.value)));
    const key = `${reading.device} ${String(reading.metrics["n"])}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const [metric, value] of Object.entries(reading.metrics)) {
      const start = Math.floor(reading.ts / 60_000) * 60_000;
      const window = windows.get(`${reading.device} ${metric} ${start}`) ?? { count: 0, sum: 0 };
      window.count += 1;
      window.sum += Number(value);
      windows.set(`${reading.device} ${metric} ${start}`, window);
    }
  });
  return { counts, windows };
}

async function compareWindows(log: EventLog, expected: ReadonlyMap<string, { count: number; sum: number }>) {
  const last = new Map<string, { revision: number; count: number; sum: number }>();
  const isNew = createSourceFilter();
  await visitTopic(log, "aggregates", (record) => {
    if (!isNew(record)) return;
    const { device, metric, start, revision, count, sum } = aggregateSchema.parse(
      JSON.parse(new TextDecoder().decode(record.value)),
    );
    const key = `${device} ${metric} ${start}`;
    if ((last.get(key)?.revision ?? -1) < revision) last.set(key, { revision, count, sum });
  });
  let windowsWrong = 0;
  for (const [key, { count, sum }] of expected) {
    const found = last.get(key);
    if (found?.count !== count || Math.abs(found.sum - sum) > 1e-6) windowsWrong += 1;
  }
  for (const key of last.keys()) if (!expected.has(key)) windowsWrong += 1;
  return { windows: expected.size, windowsWrong };
}
