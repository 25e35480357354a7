import { z } from "zod";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, type Header, type RecordInput } from "../../core/record.ts";
import { formatSourcePosition } from "../../core/source-position.ts";
import { REPLAY_STAGE, replayStageOf, stageInput, stageJournalName } from "../../core/stage.ts";
import type { EventLog, JournalEntry, OutputBatch } from "../../core/event-log.ts";
import type { Correction } from "./correction.ts";

const JOURNAL = { name: stageJournalName(REPLAY_STAGE), partition: 0 };
const bodySchema = z.object({ v: z.literal(1), generation: z.int() });

export interface ReplayWriterOptions {
  readonly log: Pick<EventLog, "claim" | "commit">;
  /** Of the log: that of the corrections is above it, so that no revision of a live window hides one. */
  readonly generation: number;
  /** name@version. */
  readonly functionVersion: string;
  /** Whose results are corrected. */
  readonly stage: string;
  /** Receive time of the replay, UTC ms: the corrections carry it, since times in a partition grow. */
  readonly now: number;
}

/**
 * Writes corrections: each commit whole or not at all, and never those of two replays at once. Whoever comes after a kill finds in the log what was
 * committed. Each replay has a generation above all before it, so that readers take what comes at the same place again.
 */
export class ReplayWriter {
  private readonly options: ReplayWriterOptions;
  private readonly epoch: number;
  private readonly generation: number;
  /** By topic: positions there grow within a partition, wherever commits end. */
  private readonly last = new Map<
    string,
    { readonly partition: number; readonly offset: number; readonly index: number }
  >();

  private constructor(options: ReplayWriterOptions, epoch: number, generation: number) {
    this.options = options;
    this.epoch = epoch;
    this.generation = generation;
  }

  static async claim(options: ReplayWriterOptions): Promise<ReplayWriter> {
    const { epoch, entries } = await options.log.claim(JOURNAL);
    const before = bodySchema.safeParse(parseJson(entries.at(-1)?.body ?? new Uint8Array())).data?.generation ?? 0;
    // The seconds stand in for a journal that was lost.
    const generation = Math.max(before + 1, options.generation + 1, Math.floor(options.now / 1000));
    const writer = new ReplayWriter(options, epoch, generation);
    await writer.commit([]);
    return writer;
  }

  /** Of one partition, in the order of what they were made of, this call and the next. JOURNAL_FENCED when another replay has begun. */
  async write(partition: number, corrections: readonly Correction[]): Promise<void> {
    const outputs = (["readings", "aggregates"] as const)
      .map((topic) => ({ topic, partition, records: this.recordsOf(topic, partition, corrections) }))
      .filter(({ records }) => records.length > 0);
    await this.commit(outputs);
  }

  private async commit(outputs: readonly OutputBatch[]): Promise<void> {
    const body = Buffer.from(JSON.stringify({ v: 1, generation: this.generation }));
    // Always a snapshot: the journal keeps one entry, and holds nothing of the log back.
    const entry: JournalEntry = { kind: "snapshot", complete: true, positions: [], nextTimer: null, body };
    await this.options.log.commit({ journal: JOURNAL, epoch: this.epoch, entry, outputs });
  }

  private recordsOf(topic: string, partition: number, corrections: readonly Correction[]): readonly RecordInput[] {
    return corrections.filter((one) => one.topic === topic).map((one) => this.recordOf(partition, one));
  }

  private recordOf(partition: number, { topic: of, key, value, offset, replaces }: Correction): RecordInput {
    const { generation } = this;
    const last = this.last.get(of);
    const index = last !== undefined && last.offset === offset && last.partition === partition ? last.index + 1 : 0;
    this.last.set(of, { partition, offset, index });
    const stage = replayStageOf(this.options.stage);
    const source = { stage, topic: stageInput(stage), partition, generation, offset, step: 0, index };
    const headers: Header[] = [
      [HEADER.source, formatSourcePosition(source)],
      [HEADER.functionVersion, this.options.functionVersion],
    ];
    if (replaces !== null) headers.push([HEADER.replaces, replaces]);
    return { timestamp: this.options.now, key, value: Buffer.from(JSON.stringify(value)), headers };
  }
}
