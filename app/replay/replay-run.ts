import { createHash } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { MAIN_STAGE } from "../../core/stage.ts";
import { replayAggregates } from "./aggregate-replay.ts";
import { checkAggregatesReach, checkReach } from "./check-reach.ts";
import { LiveEnd, positionOf } from "./live-end.ts";
import { replayPartition, type PartitionResult, type ReplayConfiguration } from "./partition-replay.ts";
import { ReplayWriter } from "./replay-writer.ts";
import type { ScanRange } from "../../log/scan-log.ts";
import type { EventLog, LogStatus } from "../../core/event-log.ts";
import type { StageFunction } from "../../core/function.ts";
import type { ReplayStatus } from "../../core/replay.ts";
import type { TimeRange } from "../functions/history/reading-history.ts";
import type { Correction } from "./correction.ts";

export interface ReplayRunOptions {
  readonly log: Pick<EventLog, "openReader" | "status" | "claim" | "commit" | "partitionCount">;
  readonly generation: number;
  /** With its version. */
  readonly fn: StageFunction;
  /** Where it runs. */
  readonly stage: string;
  readonly range: TimeRange;
  readonly dryRun: boolean;
  readonly configuration: ReplayConfiguration;
  /** Receive time, UTC ms. */
  readonly now: number;
  /** How many corrections one commit has; LIMITS.replayCommitRecordsMax when absent. */
  readonly commitRecords?: number;
}

export type ReplayCounts = Pick<
  ReplayStatus,
  "partitions" | "partitionsDone" | "records" | "results" | "corrections" | "openWindows" | "deadLetters" | "hash"
>;

/** Thrown from within when a replay is to end before its time. */
class Cancelled extends Error {}

/** Replays a function, partition by partition: what one differs in is corrected before the next one is read. */
export class ReplayRun {
  private readonly options: ReplayRunOptions;
  private readonly corrections = { changed: 0, added: 0, withdrawn: 0 };
  private isCancelled = false;
  private partitionsDone = 0;
  private records = 0;
  private results = 0;
  private openWindows = 0;
  private deadLetters = 0;
  private hash: string | null = null;

  constructor(options: ReplayRunOptions) {
    this.options = options;
  }

  counts(): ReplayCounts {
    const { partitionsDone, records, results, openWindows, deadLetters, hash } = this;
    const { partitionCount: partitions } = this.options.log;
    const corrections = { ...this.corrections };
    return { partitions, partitionsDone, records, results, corrections, openWindows, deadLetters, hash };
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** False when it was cancelled. INVALID_INPUT when the log does not go back far enough, LIMIT_EXCEEDED when too much differs. */
  async run(): Promise<boolean> {
    try {
      await this.runAll();
      return true;
    } catch (error) {
      if (error instanceof Cancelled) return false;
      throw error;
    }
  }

  private async runAll(): Promise<void> {
    const { log, dryRun, fn, stage, generation, now } = this.options;
    checkReplayable(fn);
    // What live stages have made of records before their positions lies before these ends, which are asked for later.
    const { journals } = await log.status();
    const { partitions } = await log.status();
    if (stage === MAIN_STAGE) await checkAggregatesReach(this.options, partitions);
    else await checkReach(this.options, partitions);
    const functionVersion = `${fn.name}@${fn.version}`;
    const writer = dryRun ? null : await ReplayWriter.claim({ log, stage, generation, functionVersion, now });
    const hash = createHash("sha256");
    for (let partition = 0; partition < log.partitionCount; partition += 1) {
      const result = await this.replay(partition, { journals, partitions });
      this.results += result.results;
      this.openWindows += result.openWindows;
      this.deadLetters += result.deadLetters;
      await this.correct(writer, partition, result.corrections);
      hash.update(result.hash);
      this.partitionsDone += 1;
    }
    this.hash = hash.digest("hex");
  }

  private replay(
    partition: number,
    { journals, partitions }: Pick<LogStatus, "journals" | "partitions">,
  ): Promise<PartitionResult> {
    const { fn, stage } = this.options;
    const readings = rangeOf(partitions, "readings", partition);
    const aggregates = rangeOf(partitions, "aggregates", partition);
    const onRecord = (): void => {
      this.records += 1;
      this.checkCancelled();
    };
    if (stage !== MAIN_STAGE) {
      const live = new LiveEnd({ fn: fn.name, stage, journals, partition, end: readings.end });
      return replayPartition({ ...this.options, partition, readings, aggregates, live, onRecord });
    }
    // What has come since may be made already, but is not in these ranges.
    const end = positionOf(journals, { stage, topic: "telemetry", partition }) ?? 0;
    const telemetry = { ...rangeOf(partitions, "telemetry", partition), end };
    return replayAggregates({ ...this.options, partition, telemetry, readings, aggregates, onRecord });
  }

  private async correct(writer: ReplayWriter | null, partition: number, all: readonly Correction[]): Promise<void> {
    const { commitRecords = LIMITS.replayCommitRecordsMax } = this.options;
    for (let at = 0; at < all.length; at += commitRecords) {
      const some = all.slice(at, at + commitRecords);
      this.checkCancelled();
      await writer?.write(partition, some);
      for (const { kind } of some) this.corrections[kind] += 1;
    }
  }

  private checkCancelled(): void {
    if (this.isCancelled) throw new Cancelled();
  }
}

/** What a join sends to be joined comes back by another topic, whose readings nobody here sends again. */
function checkReplayable({ name, outputs }: StageFunction): void {
  if (!outputs.includes("repartition")) return;
  throw new MillraceError("INVALID_INPUT", `${name} joins readings, and joins cannot be replayed`, {
    remedy: "What it has joined stays as it is; a new version joins from its deploy on.",
  });
}

function rangeOf(partitions: LogStatus["partitions"], topic: string, partition: number): ScanRange {
  const known = partitions.find((one) => one.topic === topic && one.partition === partition);
  return { topic, partition, offset: known?.startOffset ?? 0, end: known?.endOffset ?? 0 };
}
