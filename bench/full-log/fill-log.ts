import { statSync } from "node:fs";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { logFile } from "../../log/embedded/log-file.ts";
import { openEmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { seededRandom } from "../../kit/seeded-random.ts";
import { latencyOf, type Latency } from "../statistics.ts";
import type { JournalId } from "../../core/event-log.ts";

/** Laps are counted in bytes of records: one is as many as the log may hold. */
export interface LapCost {
  readonly lap: number;
  /** User and system, all threads, ms. */
  readonly cpuMsPerCommit: number;
  /** Of a commit, ms. */
  readonly latency: Latency;
  readonly fileBytes: number;
}

export interface FillOptions {
  readonly directory: string;
  readonly bytesMax: number;
  readonly laps: number;
  /** Of the records of a commit together, bytes; each has half as much to twice as much. */
  readonly commitBytes: number;
}

const PARTITIONS = 4;
const RECORD_BYTES = 200;
const UNIT_BYTES = 4000;
const SNAPSHOT_BYTES = 60_000;
const SNAPSHOT_AFTER_UNITS = 500;
const JOURNAL: JournalId = { name: "bench", partition: 0 };

/** Fills a log some times over, a commit after the other, as a gateway and a stage do: records, and a unit with each; snapshots delete units. */
export async function fillLog({ directory, bytesMax, laps, commitBytes }: FillOptions): Promise<readonly LapCost[]> {
  const log = await openEmbeddedLog({
    directory,
    partitionCount: PARTITIONS,
    generation: 1,
    bytesMax,
    retentionMs: 7 * 86_400_000,
    requiredJournals: [],
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const { epoch } = await log.claim(JOURNAL);
  const commit = (kind: "unit" | "snapshot", bytes: number) => {
    const entry = { kind, positions: [], nextTimer: null, body: Buffer.alloc(bytes, 1) };
    const whole = kind === "snapshot" ? { ...entry, complete: true } : entry;
    return log.commit({ journal: JOURNAL, epoch, entry: whole, outputs: [] });
  };
  const costs: LapCost[] = [];
  const random = seededRandom("full-log");
  let written = 0;
  let units = 0;
  for (let lap = 1; lap <= laps; lap += 1) {
    const times: number[] = [];
    const cpuBefore = process.cpuUsage();
    while (written < lap * bytesMax) {
      const bytes = Math.round(commitBytes * (0.5 + 1.5 * random()));
      const begunAt = performance.now();
      await Promise.all([log.append("telemetry", units % PARTITIONS, recordsOf(bytes)), commit("unit", UNIT_BYTES)]);
      times.push(performance.now() - begunAt);
      written += bytes + UNIT_BYTES;
      units += 1;
      if (units % SNAPSHOT_AFTER_UNITS === 0) await commit("snapshot", SNAPSHOT_BYTES);
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    costs.push({
      lap,
      cpuMsPerCommit: (user + system) / 1000 / times.length,
      latency: latencyOf(times),
      fileBytes: statSync(logFile(directory)).size,
    });
  }
  await log.close(AbortSignal.timeout(10_000));
  return costs;
}

function recordsOf(bytes: number) {
  const count = Math.ceil(bytes / RECORD_BYTES);
  const value = Buffer.alloc(RECORD_BYTES - 30, 7);
  return Array.from({ length: count }, () => ({ timestamp: Date.now(), key: "t/d", value, headers: [] }));
}
