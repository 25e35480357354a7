import { setTimeout as delay } from "node:timers/promises";
import { soleMember } from "../../core/consumer-group.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import { latencyOf, type Latency } from "../statistics.ts";
import { PARTITIONS, rateOf, telemetryRecords, type Rate } from "./kafka-loads.ts";
import type { EventLog } from "../../core/event-log.ts";

const LATENCY_APPENDS = 300;
const IDLE_SECONDS = 15;

/** The main stage (clean, aggregate, alarm) over `total` messages that lie in the log: consume, run, append outputs, journal. */
export async function measureStage(log: EventLog, total: number): Promise<Rate> {
  for (let sent = 0; sent < total; sent += PARTITIONS * 1000) {
    const batches = Array.from({ length: PARTITIONS }, (_, partition) =>
      log.append("telemetry", partition, telemetryRecords(sent / PARTITIONS, 10)),
    );
    await Promise.all(batches);
  }
  const runner = createStageRunner({
    log,
    stage: mainStage,
    groups: soleMember(Array.from({ length: PARTITIONS }, (_, partition) => partition)),
    generation: 1,
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const rate = await rateOf(async () => {
    await runner.start();
    for (;;) {
      const { partitions, quiet } = runner.totals();
      const done = partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
      if (quiet && done >= total) return total;
      await delay(5);
    }
  });
  await runner.stop(AbortSignal.timeout(10_000));
  return rate;
}

/** One record at a time, until it is durable. */
export async function measureAppendLatency(log: EventLog): Promise<Latency> {
  const [record] = telemetryRecords(0);
  const took: number[] = [];
  for (let count = 0; count < LATENCY_APPENDS && record !== undefined; count++) {
    const begun = performance.now();
    await log.append("telemetry", count % PARTITIONS, [record]);
    took.push(performance.now() - begun);
    await delay(5);
  }
  return latencyOf(took);
}

/** A log that is connected, with a reader that waits: % of a core. */
export async function measureIdle(log: EventLog): Promise<number> {
  const { partitions } = await log.status();
  const reader = log.openReader(
    partitions.filter(({ topic }) => topic === "readings").map((p) => ({ ...p, offset: p.endOffset })),
  );
  const stopping = new AbortController();
  const waiting = (async () => {
    while (!stopping.signal.aborted) await reader.poll({ bytesMax: 1 << 20, waitMs: 1000, signal: stopping.signal });
  })();
  await delay(1000);
  const cpu = process.cpuUsage();
  await delay(IDLE_SECONDS * 1000);
  const percent = (cpuSecondsOf(process.cpuUsage(cpu)) / IDLE_SECONDS) * 100;
  stopping.abort();
  await waiting;
  reader.close();
  return percent;
}
