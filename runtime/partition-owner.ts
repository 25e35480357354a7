import { isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { stageJournalName } from "../core/stage.ts";
import { createStagePartition } from "../engine/stage-partition.ts";
import { decodeSnapshotChunk, decodeUnit, encodeSnapshotChunk, encodeUnit } from "../wire/unit-codec.ts";
import type {
  CommitRequest,
  JournalClaim,
  JournalEntry,
  LogInspector,
  LogJournals,
  LogStatus,
  OutputBatch,
} from "../core/event-log.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { StagePartition, UnitDraft } from "../engine/stage-partition.ts";
import type { SnapshotChunk, UnitBody } from "../core/commit-unit.ts";

export interface PartitionOwnerOptions {
  readonly journals: LogJournals & LogInspector;
  readonly stage: StageDefinition;
  readonly partition: number;
  readonly generation: number;
  /** Called once, when the first commit fails. */
  readonly onFailure?: () => void;
}

/**
 * One claimed partition of a stage: its state, and the way of its units into the journal. Units are committed in order without
 * waiting for one another; the first commit that fails ends the ownership, and `failure` says why. What was processed after the
 * last unit that landed is then gone with this object, and a new claim restores the state as of that unit.
 */
export interface PartitionOwner {
  readonly partition: number;
  readonly state: StagePartition;
  /** STATE_LOST when the journal was damaged and the log no longer holds all that would have made its state again. */
  readonly loss: MillraceError | null;
  /** The error of the first failed commit. */
  readonly failure: unknown;
  /** True once a commit of this owner has landed. */
  readonly landed: boolean;
  /** True when nothing sent off is still under way. */
  readonly idle: boolean;
  /** Seals what was processed since the last unit and sends it off. Waits only when too many units are under way. */
  commit(): Promise<void>;
  /** Resolves when everything sent off has landed or failed. */
  settled(): Promise<void>;
}

/**
 * Claims the partition's journal and restores its state. When the journal is damaged, as of the last position that it proves: the
 * records behind it are worked again, and give the outputs that readers have already. Errors: those of LogJournals, STATE_INVALID,
 * BATCH_CORRUPT.
 */
export async function claimPartition(options: PartitionOwnerOptions): Promise<PartitionOwner> {
  const { journals, stage, partition, generation } = options;
  const journal = { name: stageJournalName(stage.name), partition };
  const claim = await journals.claim(journal);
  const restored = restorePoint(claim);
  const state = createStagePartition({ stage, partition, generation }, restored);
  const loss = claim.damaged ? skipDeleted(state, options, await journals.status()) : null;
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  let landedOnce = false;
  let unitsSinceSnapshot = restored.units.length;
  let bytesSinceSnapshot = claim.entries.reduce((sum, entry) => sum + entry.body.length, 0);

  const send = (entry: JournalEntry, outputs: readonly OutputBatch[]): void => {
    const request: CommitRequest = { journal, epoch: claim.epoch, entry, outputs };
    const landed: Promise<void> = journals.commit(request).then(
      () => {
        inFlight.delete(landed);
        landedOnce = true;
      },
      (error: unknown) => {
        inFlight.delete(landed);
        const isFirst = failure === undefined;
        // The first failure is the cause; the ones behind it are only told that they are fenced.
        if (isFirst || isMillraceError(failure, "JOURNAL_FENCED")) failure = error;
        if (isFirst) options.onFailure?.();
      },
    );
    inFlight.add(landed);
  };

  const positions = () => [{ topic: stage.input, partition, offset: state.next.offset }];

  const snapshot = (): void => {
    const chunks = [...state.snapshotChunks()];
    for (const [index, chunk] of chunks.entries()) {
      const complete = index === chunks.length - 1;
      const body = encodeSnapshotChunk(chunk);
      send({ kind: "snapshot", positions: positions(), nextTimer: state.nextTimer, complete, body }, []);
    }
    unitsSinceSnapshot = 0;
    bytesSinceSnapshot = 0;
  };

  // Before any unit: a unit behind damage could not be restored.
  if (claim.damaged) snapshot();

  return {
    partition,
    state,
    loss,
    get failure() {
      return failure;
    },
    get landed() {
      return landedOnce;
    },
    get idle() {
      return inFlight.size === 0;
    },
    async commit() {
      const draft = state.seal();
      if (draft === null || failure !== undefined) return;
      const body = encodeUnit(draft.body);
      send({ kind: "unit", positions: positions(), nextTimer: draft.nextTimer, body }, outputBatches(draft, partition));
      unitsSinceSnapshot += 1;
      bytesSinceSnapshot += body.length;
      if (unitsSinceSnapshot >= LIMITS.snapshotAfterUnits || bytesSinceSnapshot >= LIMITS.snapshotAfterBytes)
        snapshot();
      while (inFlight.size >= LIMITS.unitsInFlightPerPartitionMax) await inFlight.values().next().value;
    },
    async settled() {
      await Promise.all(inFlight);
    },
  };
}

/** Records that retention has deleted cannot be worked again: they count as corrupt, so that the ledger holds. */
function skipDeleted(
  state: StagePartition,
  { stage, partition }: PartitionOwnerOptions,
  { partitions }: LogStatus,
): MillraceError | null {
  const from = state.next.offset;
  const start = partitions.find((one) => one.topic === stage.input && one.partition === partition)?.startOffset ?? 0;
  if (from >= start) return null;
  state.skipCorrupt(from, start);
  // Its unit has no outputs, and the snapshot holds the rest of it.
  state.seal();
  const records = `records ${from} to ${start - 1} of ${stage.input}/${partition}`;
  const text = `the journal of stage ${stage.name} is damaged, and retention has deleted ${records}: what they left in its state is lost`;
  return new MillraceError("STATE_LOST", text, { remedy: "restore a backup if that state matters" });
}

/** Outputs keep their input's partition: they carry the same key, and all topics have the same number of partitions. */
function outputBatches(draft: UnitDraft, partition: number): OutputBatch[] {
  return [...draft.outputs].map(([topic, records]) => ({ topic, partition, records }));
}

/** When there is a complete snapshot the entries begin with it. Chunks of one that its owner did not complete count for nothing. */
function restorePoint({ entries }: JournalClaim): { snapshot: SnapshotChunk[]; units: UnitBody[] } {
  const end = entries.findIndex(({ kind, complete }) => kind === "snapshot" && complete === true) + 1;
  const ofKind = (kind: JournalEntry["kind"], some: readonly JournalEntry[]): Uint8Array[] => {
    return some.filter((entry) => entry.kind === kind).map(({ body }) => body);
  };
  return {
    snapshot: ofKind("snapshot", entries.slice(0, end)).map(decodeSnapshotChunk),
    units: ofKind("unit", entries.slice(end)).map(decodeUnit),
  };
}
