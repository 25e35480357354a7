import { expect } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { claimPartition } from "../../runtime/partition-owner.ts";
import { encodeSnapshotChunk } from "../../wire/unit-codec.ts";
import { openJournal, SharedJournal, type JournalProcess } from "./shared-journal.ts";
import type { LogRecord } from "../../core/record.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";
import type { PartitionOwner } from "../../runtime/partition-owner.ts";

const JOURNAL = { name: "stage:main", partition: 0 };

/** What happens to one of two processes, or to the journal. */
export type Act =
  | { readonly act: "take" | "give up" | "lose" | "prove"; readonly by: number }
  | { readonly act: "work" | "lend"; readonly by: number; readonly records: number; readonly unitRecords: number }
  | { readonly act: "fault"; readonly by: number; readonly fault: "lost" | "landed" }
  | { readonly act: "snapshot"; readonly complete: boolean; readonly deletes: boolean }
  | { readonly act: "damage"; readonly back: number };

/** What has been seen, so that it is known whether histories say much. */
export interface Counts {
  resumed: number;
  tails: number;
  damaged: number;
  proven: number;
}

/**
 * Two processes and others that work one partition, take it from each other, fail and are fenced, as their acts say. Whenever one of them
 * goes on from what it has kept, its state is compared with one that is restored of the whole journal.
 */
export class PartitionHistory {
  private readonly shared = new SharedJournal();
  private readonly records: readonly LogRecord[];
  private readonly counts: Counts;
  private readonly processes = [openJournal(this.shared, "first"), openJournal(this.shared, "second")];
  private readonly owners: (PartitionOwner | null)[] = [null, null];

  constructor(records: readonly LogRecord[], counts: Counts) {
    this.records = records;
    this.counts = counts;
  }

  async happen(one: Act): Promise<void> {
    if (one.act === "snapshot") return this.snapshot(one.complete, one.deletes);
    if (one.act === "damage") return this.shared.damage(this.shared.length - 1 - one.back);
    const process = this.processes[one.by];
    if (process === undefined) return;
    const owner = this.owners[one.by] ?? null;
    if (one.act === "fault") process.fault = one.fault;
    else if (one.act === "take") this.owners[one.by] = await this.take(process, owner);
    else if (one.act === "lend") await this.lend(one);
    else if (owner === null) return;
    else if (one.act === "work") await work(owner, this.records, one.records, one.unitRecords);
    else if (one.act === "prove") await this.prove(owner);
    else {
      if (one.act === "give up") await owner.commit();
      await owner.settled();
      const released = owner.release();
      if (released !== null) process.warm.keep(0, released);
      this.owners[one.by] = null;
    }
  }

  /** It goes to the other process and comes back. */
  private async lend({ by, records, unitRecords }: Extract<Act, { records: number }>): Promise<void> {
    const other = 1 - by;
    await this.happen({ act: "give up", by });
    await this.happen({ act: "take", by: other });
    await this.happen({ act: "work", by: other, records, unitRecords });
    // Sometimes the other one does not hear that it is over.
    if (records % 3 > 0) await this.happen({ act: "give up", by: other });
    await this.happen({ act: "take", by });
  }

  /** Of who has it and was not told otherwise: only when a commit has failed. */
  private async take(process: JournalProcess, owner: PartitionOwner | null): Promise<PartitionOwner | null> {
    if (owner !== null && owner.failure === undefined) return owner;
    const kept = keptBy(process);
    // Who is warm needs nothing of what lies before what is held.
    const before = this.shared.copy(kept?.heldEnd);
    const { length } = this.shared;
    const taken = await claimPartition(partitionOf(process)).catch(failedAppend);
    if (taken?.isWarm !== true) return taken;
    await taken.settled();
    this.counts.resumed += 1;
    if (taken.state.next !== kept?.next) this.counts.tails += 1;
    // A damaged journal gets a snapshot at once.
    if (this.shared.length > length + 1) this.counts.damaged += 1;
    const cold = await claimPartition(partitionOf(openJournal(before, "judge")));
    expectSame(described(taken.state), described(cold.state));
    return taken;
  }

  /** The rest of the recording gives the same in its state and in one that is restored now. */
  private async prove(owner: PartitionOwner): Promise<void> {
    if (!owner.isWarm || owner.failure !== undefined || !owner.state.isSealed) return;
    const cold = await claimPartition(partitionOf(openJournal(this.shared.copy(), "judge")));
    if (cold.state.next.offset !== owner.state.next.offset || cold.state.next.step !== owner.state.next.step) return;
    this.counts.proven += 1;
    const rest = this.records.filter(({ offset }) => offset >= owner.state.next.offset);
    const made = rest.map((record) => madeOf(owner.state, record));
    const madeAgain = rest.map((record) => madeOf(cold.state, record));
    expectSame([made, described(owner.state)], [madeAgain, described(cold.state)]);
    this.owners[this.owners.indexOf(owner)] = null;
  }

  /** Another owner's, in two chunks or without its last. */
  private async snapshot(complete: boolean, deletes: boolean): Promise<void> {
    this.shared.deletes = deletes;
    const other = openJournal(this.shared, "other");
    const { state, ...owner } = await claimPartition(partitionOf(other));
    await owner.settled();
    const { epoch } = await other.journals.claim(JOURNAL);
    const [whole] = state.snapshotChunks();
    if (whole === undefined) return;
    const chunks = [
      { ...whole, slots: whole.slots.slice(0, 3), outcomes: [] },
      { ...whole, chunk: 1, slots: whole.slots.slice(3) },
    ];
    for (const [index, chunk] of chunks.slice(0, complete ? 2 : 1).entries()) {
      const body = encodeSnapshotChunk(chunk);
      const entry = { kind: "snapshot" as const, positions: [], nextTimer: null, complete: index === 1, body };
      await other.journals.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
    }
  }
}

/** Its claim was not taken. Anything else is no part of a history. */
function failedAppend(error: unknown): null {
  if (isMillraceError(error, "LOG_IO")) return null;
  throw error;
}

function keptBy({ warm }: JournalProcess) {
  const kept = warm.take(0);
  if (kept === null) return null;
  warm.giveBack(kept);
  const { held, state } = kept.warm;
  return { heldEnd: held.mark.entry + held.commits, next: state.next };
}

function partitionOf({ journals, warm }: JournalProcess) {
  return { journals, warm, stage: mainStage, partition: 0, generation: 0 };
}

async function work(
  owner: PartitionOwner,
  all: readonly LogRecord[],
  limit: number,
  unitRecords: number,
): Promise<void> {
  const from = owner.state.next.offset;
  for (const record of all.slice(from, from + limit)) {
    if (owner.failure !== undefined) return;
    while (!owner.state.process(record)) await owner.commit();
    if (owner.state.pendingRecords >= unitRecords) await owner.commit();
  }
  await owner.settled();
}

function expectSame(own: object, restored: object): void {
  expect(own).toEqual(restored);
}

function described(state: StagePartition): object {
  state.seal();
  const snapshot = [...state.snapshotChunks()];
  const bytes = snapshot.map((chunk) => Buffer.from(encodeSnapshotChunk(chunk)).toString("base64"));
  return { snapshot, bytes, next: state.next, nextTimer: state.nextTimer };
}

/** What the record makes in the state: its outputs, as text. */
function madeOf(state: StagePartition, record: LogRecord): string {
  const texts: string[] = [];
  for (let finished = false; !finished;) {
    finished = state.process(record);
    for (const [topic, outputs] of state.seal()?.outputs ?? []) {
      for (const { key, timestamp, value, headers } of outputs)
        texts.push(`${topic} ${key} ${timestamp} ${JSON.stringify(headers)} ${Buffer.from(value).toString()}`);
    }
  }
  return texts.join("\n");
}
