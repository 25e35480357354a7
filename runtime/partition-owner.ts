import { isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { stageJournalName } from "../core/stage.ts";
import { outputBatches } from "./output-batches.ts";
import { createStagePartition } from "../engine/stage-partition.ts";
import { StageTracing } from "./stage-tracing.ts";
import { TracedPartition, type TracedUnit } from "./traced-partition.ts";
import { decodeSnapshotChunk, decodeUnit, encodeSnapshotChunk, encodeUnit } from "../wire/unit-codec.ts";
import type {
  CommitRequest,
  EventLog,
  JournalClaim,
  JournalEntry,
  JournalId,
  LogInspector,
  LogJournals,
  LogStatus,
  OutputBatch,
} from "../core/event-log.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { EngineHooks, StagePartition } from "../engine/stage-partition.ts";
import type { UnitBody } from "../core/commit-unit.ts";
import type { Verdict } from "../core/verdict.ts";
import type { Tracer } from "../core/tracing.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import type { WarmPartition, WarmPartitions } from "./warm-partitions.ts";

export interface PartitionOwnerOptions {
  readonly journals: LogJournals & LogInspector & Pick<EventLog, "partitionCount">;
  readonly stage: StageDefinition;
  readonly partition: number;
  readonly generation: number;
  /** What users' functions are loaded by, and who is told of calls. */
  readonly engine?: EngineHooks;
  /** Where the partition's state may still be, from before. */
  readonly warm: WarmPartitions;
  /** Where spans of sampled records go. Absent: no record is asked whether it is one. */
  readonly tracer?: Tracer | undefined;
  readonly logger?: Logger;
  /** Of a snapshot, what it makes needless is deleted at once. */
  readonly snapshotAfterUnits?: number | undefined;
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
  /** True when it goes on from state that was kept. */
  readonly isWarm: boolean;
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
  /** Commits the verdict behind all that was processed. Resolves when it is durable, or the owner has failed: nothing may depend on it before. */
  condemn(verdict: Verdict): Promise<void>;
  /** As a verdict: the canary runs no more. */
  stopCanary(id: string): Promise<void>;
  /** While nothing comes: writes a snapshot when units have come up, unless the state is many times larger than they are. */
  snapshotIdle(): void;
  /** Resolves when everything sent off has landed or failed. */
  settled(): Promise<void>;
  /** What may be kept of it, when it is settled and not worked any more: null unless its state is the journal's. */
  release(): WarmPartition | null;
}

/** A state this many times larger than the units since its last snapshot is read anew for each of their bytes. */
const IDLE_SNAPSHOT_SHARE = 8;

/** State as of a claim, and what of the journal a snapshot would replace. */
interface Restored {
  readonly state: StagePartition;
  readonly isWarm: boolean;
  readonly units: number;
  readonly bytes: number;
}

/**
 * Claims the partition's journal and restores its state. When the journal is damaged, as of the last position that it proves: the
 * records behind it are worked again, and give the outputs that readers have already. Errors: those of LogJournals, STATE_INVALID,
 * BATCH_CORRUPT.
 */
export async function claimPartition(options: PartitionOwnerOptions): Promise<PartitionOwner> {
  const { journals, stage, partition } = options;
  const { partitionCount } = journals;
  const journal = { name: stageJournalName(stage.name), partition };
  const { claim, state: restored, isWarm, units, bytes } = await claimState(options, journal);
  const { tracer, logger = silentLogger, snapshotAfterUnits = LIMITS.snapshotAfterUnits } = options;
  const traced = tracer && new TracedPartition(restored, new StageTracing({ tracer, logger, stage, partition }));
  const state = traced ?? restored;
  // Whoever watches canaries may have ended before it saw what the stage knows.
  if (!isWarm) for (const id of state.stoppedCanaries) options.engine?.meter?.compared(id, "canaryFatal");
  const loss = claim.damaged ? skipDeleted(state, options, await journals.status()) : null;
  const inFlight = new Set<Promise<void>>();
  let bytesInFlight = 0;
  let failure: unknown;
  let commits = 0;
  let unitsSinceSnapshot = units;
  let bytesSinceSnapshot = bytes;
  /** Units at which a snapshot was thought of last: looking at the state takes time too. */
  let unitsLookedAt = 0;

  const send = (entry: JournalEntry, outputs: readonly OutputBatch[], bytes = 0, unit?: TracedUnit | null): void => {
    bytesInFlight += bytes;
    const request: CommitRequest = { journal, epoch: claim.epoch, entry, outputs };
    const landed: Promise<void> = journals.commit(request).then(
      () => {
        inFlight.delete(landed);
        bytesInFlight -= bytes;
        commits += 1;
        unit?.committed();
      },
      (error: unknown) => {
        inFlight.delete(landed);
        bytesInFlight -= bytes;
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

  const commit = async (): Promise<void> => {
    const draft = state.seal();
    if (draft === null || failure !== undefined) return;
    const body = encodeUnit(draft.body);
    send(
      { kind: "unit", positions: positions(), nextTimer: draft.nextTimer, body },
      outputBatches(draft, partition, partitionCount),
      draft.bytes,
      traced?.takeSealed(),
    );
    unitsSinceSnapshot += 1;
    bytesSinceSnapshot += body.length;
    if (unitsSinceSnapshot >= snapshotAfterUnits || bytesSinceSnapshot >= LIMITS.snapshotAfterBytes) snapshot();
    const { unitsInFlightPerPartitionMax, unitBytesInFlightPerPartitionMax } = LIMITS;
    while (inFlight.size >= unitsInFlightPerPartitionMax || bytesInFlight >= unitBytesInFlightPerPartitionMax)
      await inFlight.values().next().value;
  };

  const snapshotIdle = (): void => {
    const isOver = failure !== undefined || inFlight.size > 0 || !state.isSealed;
    if (isOver || unitsSinceSnapshot < LIMITS.snapshotIdleUnits || unitsSinceSnapshot === unitsLookedAt) return;
    unitsLookedAt = unitsSinceSnapshot;
    if (state.bytes <= IDLE_SNAPSHOT_SHARE * bytesSinceSnapshot) snapshot();
  };

  const settled = async (): Promise<void> => {
    await Promise.all(inFlight);
  };

  // Before any unit: a unit behind damage could not be restored.
  if (claim.damaged) snapshot();

  /** A unit of its own behind all that was processed. */
  const commitAlone = async (change: () => void): Promise<void> => {
    await commit();
    change();
    const draft = state.seal();
    if (draft === null || failure !== undefined) return;
    send({ kind: "verdict", positions: positions(), nextTimer: draft.nextTimer, body: encodeUnit(draft.body) }, []);
    await settled();
  };

  return {
    partition,
    state,
    loss,
    isWarm,
    get failure() {
      return failure;
    },
    get landed() {
      return commits > 0;
    },
    get idle() {
      return inFlight.size === 0;
    },
    commit,
    snapshotIdle,
    settled,
    condemn: (verdict) => commitAlone(() => state.condemn(verdict)),
    stopCanary: (id) => commitAlone(() => state.stopCanary(id)),
    release() {
      const { mark } = claim;
      // A failed commit may have landed: nobody knows what the journal holds of it.
      if (mark === null || failure !== undefined || inFlight.size > 0 || !state.isSealed) return null;
      return { state: restored, held: { mark, commits }, unitsSinceSnapshot, bytesSinceSnapshot };
    },
  };
}

async function claimState(
  { journals, stage, partition, generation, engine, warm }: PartitionOwnerOptions,
  journal: JournalId,
): Promise<Restored & { readonly claim: Omit<JournalClaim, "entries"> }> {
  const kept = warm.take(partition);
  const claimed = journals.claim(journal, kept?.warm.held);
  const { entries, ...claim } = await claimed.catch((error: unknown) => {
    if (kept !== null) warm.giveBack(kept);
    throw error;
  });
  if (kept !== null && claim.isTail) {
    const { state, unitsSinceSnapshot, bytesSinceSnapshot } = kept.warm;
    // Chunks among them are of a snapshot that was not completed.
    const units = unitsOf(entries);
    state.resume(units);
    return {
      claim,
      state,
      isWarm: true,
      units: unitsSinceSnapshot + units.length,
      bytes: bytesSinceSnapshot + bytesOf(entries),
    };
  }
  const { behind, ...restored } = restorePoint(entries);
  const { partitionCount } = journals;
  const state = createStagePartition({ stage, partition, generation, partitionCount, ...engine }, restored);
  return { claim, state, isWarm: false, units: restored.units.length, bytes: bytesOf(behind) };
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

/** When there is a complete snapshot the entries begin with it. Chunks of one that its owner did not complete count for nothing. */
function restorePoint(entries: readonly JournalEntry[]) {
  const end = entries.findIndex(({ kind, complete }) => kind === "snapshot" && complete === true) + 1;
  const chunks = entries.slice(0, end).filter(({ kind }) => kind === "snapshot");
  const behind = entries.slice(end);
  return { snapshot: chunks.map(({ body }) => decodeSnapshotChunk(body)), units: unitsOf(behind), behind };
}

function bytesOf(entries: readonly JournalEntry[]): number {
  return entries.reduce((sum, { body }) => sum + body.length, 0);
}

function unitsOf(entries: readonly JournalEntry[]): UnitBody[] {
  return entries.filter(({ kind }) => kind !== "snapshot").map(({ body }) => decodeUnit(body));
}
