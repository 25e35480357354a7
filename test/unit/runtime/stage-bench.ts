import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { claimPartition } from "../../../runtime/partition-owner.ts";
import { decodeSnapshotChunk, decodeUnit, encodeSnapshotChunk } from "../../../wire/unit-codec.ts";
import { eventually } from "../../contract/event-log/log-harness.ts";
import { countingStage, T0 } from "../../support/counting-stage.ts";
import { warmPartitions } from "../../support/warm-partitions.ts";
import { dumpTopic } from "../../support/log-dump.ts";
import { openTestLog } from "../log/open-test-log.ts";
import type { MillraceError } from "../../../core/errors.ts";
import type { JournalEntry } from "../../../core/event-log.ts";
import type { Outcomes } from "../../../core/ledger.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";
import type { PartitionOwner } from "../../../runtime/partition-owner.ts";

export const TELEMETRY = "telemetry";
export const STAGE_JOURNAL = { name: "stage:test" };
const PARTITION_COUNT = 2;
const UNIT_RECORDS = 5;
const RETENTION_MS = 60_000;

/** The counting stage on an embedded log with two partitions, worked step by step: a unit is five records. */
export interface StageBench {
  readonly directory: string;
  /** Messages appended to each partition so far. */
  readonly appended: number;
  log(): EmbeddedLog;
  open(): Promise<void>;
  close(): Promise<void>;
  reopen(): Promise<void>;
  /** Appends this many messages to each partition, a second of event time apart, with pauses in which the timer fires. */
  append(count: number): Promise<void>;
  /** Claims the partition and works what is there, or that many records. What the owner lost, if it did. */
  work(partition: number, limit?: { readonly records: number }): Promise<MillraceError | null>;
  /** Where an owner that claims the partition now goes on. */
  restoredOffset(partition: number): Promise<number>;
  /** Commits the partition's state as a snapshot of two chunks. */
  snapshot(partition: number): Promise<void>;
  /** Lets retention delete all that the stage has worked. */
  deleteOld(): Promise<void>;
  /** Derived records as text, per topic and partition, without repeats. */
  outputs(): Promise<Record<string, string[]>>;
  totals(partition: number): Promise<ReadonlyMap<string, Outcomes>>;
  dispose(): Promise<void>;
}

export async function openStageBench(): Promise<StageBench> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-stage-"));
  let now = T0;
  let current: EmbeddedLog | null = null;
  let appended = 0;
  const log = (): EmbeddedLog => {
    if (current === null) throw new Error("the log is closed");
    return current;
  };
  const claim = (partition: number): Promise<PartitionOwner> =>
    claimPartition({ journals: log(), stage: countingStage, partition, generation: 0, warm: warmPartitions() });

  const bench: StageBench = {
    directory,
    get appended() {
      return appended;
    },
    log,
    async open() {
      current = await openTestLog(directory, {
        partitionCount: PARTITION_COUNT,
        clock: { now: () => now },
        retentionMs: RETENTION_MS,
        requiredJournals: [STAGE_JOURNAL.name],
        sync: false,
      });
    },
    async close() {
      await current?.close(AbortSignal.timeout(5000));
      current = null;
    },
    async reopen() {
      await bench.close();
      await bench.open();
    },
    async append(count) {
      for (const end = appended + count; appended < end; appended++) {
        const timestamp = T0 + (appended + 15 * Math.floor(appended / 7)) * 1000;
        const value = Buffer.from(JSON.stringify({ ts: timestamp, x: appended }));
        const record = { timestamp, key: "t/d", value, headers: [] };
        for (let partition = 0; partition < PARTITION_COUNT; partition++)
          await log().append(TELEMETRY, partition, [record]);
      }
    },
    async work(partition, { records } = { records: Infinity }) {
      const owner = await claim(partition);
      await workRecords(log(), owner, records);
      return owner.loss;
    },
    async restoredOffset(partition) {
      const owner = await claim(partition);
      await owner.settled();
      return owner.state.next.offset;
    },
    snapshot: (partition) => commitSnapshot(log(), partition),
    async deleteOld() {
      now += RETENTION_MS * 2;
      const starts = async () => {
        const { partitions } = await log().status();
        return partitions.filter(({ topic }) => topic === TELEMETRY).map(({ startOffset }) => startOffset);
      };
      await eventually("telemetry deleted", async () => (await starts()).every((start) => start === appended));
    },
    async outputs() {
      const texts: Record<string, string[]> = {};
      for (const topic of ["readings", "device-events"] as const) {
        for (const [partition, records] of await dumpTopic(log(), topic))
          texts[`${topic}/${partition}`] = records.map((record) => record.toString("latin1"));
      }
      return texts;
    },
    async totals(partition) {
      const owner = await claim(partition);
      await owner.settled();
      return owner.state.totals();
    },
    async dispose() {
      await bench.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await bench.open();
  return bench;
}

async function workRecords(log: EmbeddedLog, owner: PartitionOwner, limit: number): Promise<void> {
  const { partition, state } = owner;
  const reader = log.openReader([{ topic: TELEMETRY, partition, offset: state.next.offset }]);
  let left = limit;
  for (;;) {
    const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 0 });
    if (slices.length === 0) break;
    for (const record of slices.flatMap(({ records }) => records)) {
      if (left-- <= 0) continue;
      while (!state.process(record)) await owner.commit();
      if (state.pendingRecords >= UNIT_RECORDS) await owner.commit();
    }
  }
  reader.close();
  await owner.commit();
  await owner.settled();
  if (owner.failure instanceof Error) throw owner.failure;
}

async function commitSnapshot(log: EmbeddedLog, partition: number): Promise<void> {
  const journal = { ...STAGE_JOURNAL, partition };
  const { epoch, entries } = await log.claim(journal);
  const bodies = (kind: string): Uint8Array[] => entries.filter((entry) => entry.kind === kind).map(({ body }) => body);
  const restored = { snapshot: bodies("snapshot").map(decodeSnapshotChunk), units: bodies("unit").map(decodeUnit) };
  const state = createStagePartition({ stage: countingStage, partition, generation: 0 }, restored);
  const [whole] = [...state.snapshotChunks()];
  if (whole === undefined) throw new Error("there is no state");
  const chunks = [
    { ...whole, slots: whole.slots.slice(0, 1), outcomes: [] },
    { ...whole, chunk: 1, slots: whole.slots.slice(1) },
  ];
  const positions = [{ topic: TELEMETRY, partition, offset: state.next.offset }];
  for (const [index, chunk] of chunks.entries()) {
    const body = encodeSnapshotChunk(chunk);
    const entry: JournalEntry = {
      kind: "snapshot",
      positions,
      nextTimer: state.nextTimer,
      complete: index === chunks.length - 1,
      body,
    };
    await log.commit({ journal, epoch, entry, outputs: [] });
  }
}
