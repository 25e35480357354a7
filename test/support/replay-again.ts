import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { soleMember } from "../../core/consumer-group.ts";
import { MillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { visitTopic } from "./log-dump.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { StageRunner } from "../../runtime/stage-runner.ts";

/** The records of `telemetry`, control records and ticks included, by partition. */
export type RecordedTopic = ReadonlyMap<number, readonly RecordInput[]>;

export async function recordTelemetry(log: EventLog): Promise<RecordedTopic> {
  const recorded = new Map<number, RecordInput[]>();
  await visitTopic(log, "telemetry", (record, partition) => {
    const { timestamp, key } = record;
    const records = recorded.get(partition) ?? [];
    records.push({ timestamp, key, value: Buffer.from(record.value), headers: record.headers() });
    recorded.set(partition, records);
  });
  return recorded;
}

/** Appends [from, to) of every partition, as shares of its length, so many records at a time. */
export async function appendShare(
  log: EventLog,
  recorded: RecordedTopic,
  { from, to, batch }: { readonly from: number; readonly to: number; readonly batch: number },
): Promise<void> {
  const appends = [...recorded].map(async ([partition, records]) => {
    const end = Math.floor(records.length * to);
    for (let at = Math.floor(records.length * from); at < end; at += batch) {
      await log.append("telemetry", partition, records.slice(at, Math.min(at + batch, end)));
    }
  });
  await Promise.all(appends);
}

/** Runs the main stage on these partitions, with the log as it is given. */
export async function runMainStage(log: EventLog, partitions: readonly number[]): Promise<StageRunner> {
  const runner = createStageRunner({
    log,
    stage: mainStage,
    groups: soleMember(partitions),
    // As a fresh instance gives its log.
    generation: 1,
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  await runner.start();
  return runner;
}

/** Waits until the runners have processed all that is in the log and all of it has landed. */
export async function caughtUp(log: EventLog, runners: readonly StageRunner[]): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { partitions } = await log.status();
    const ends = new Map(partitions.filter((p) => p.topic === "telemetry").map((p) => [p.partition, p.endOffset]));
    const totals = runners.map((runner) => runner.totals());
    const atEnd = totals.flatMap((t) => t.partitions).every((p) => p.nextOffset >= (ends.get(p.partition) ?? 0));
    if (atEnd && totals.every(({ quiet }) => quiet)) return;
    if (Date.now() > deadline) throw new Error("the stage did not reach the end of the recording");
    await sleep(10);
  }
}

/** A log that hands out little at a time, and from `cut` on takes no unit: as for an owner that dies there. */
export function frailLog(log: EventLog, bytesMax: number): { readonly log: EventLog; cut(): void } {
  let isCut = false;
  const frail: EventLog = {
    partitionCount: log.partitionCount,
    append: (topic, partition, records) => log.append(topic, partition, records),
    claim: (journal) => log.claim(journal),
    commit: (request) =>
      isCut ? Promise.reject(new MillraceError("LOG_CLOSED", "the owner is gone")) : log.commit(request),
    status: () => log.status(),
    openReader(positions) {
      const reader = log.openReader(positions);
      return {
        poll: (options) => reader.poll({ ...options, bytesMax }),
        seek: (next) => reader.seek(next),
        close: () => reader.close(),
      };
    },
  };
  return { log: frail, cut: () => void (isCut = true) };
}
