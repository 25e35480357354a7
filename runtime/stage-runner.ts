import { setImmediate as nextTurn } from "node:timers/promises";
import { errorText, isMillraceError } from "../core/errors.ts";
import { addOutcomes, noOutcomes } from "../core/ledger.ts";
import { untilAborted } from "../core/aborted.ts";
import { LIMITS } from "../core/limits.ts";
import { ENDED_AT } from "../core/event-log.ts";
import { stageJournalName } from "../core/stage.ts";
import { createStageCounters } from "./stage-counters.ts";
import { DeployLookout } from "./deploy-lookout.ts";
import { OwnedPartitions } from "./owned-partitions.ts";
import { createClockSkew } from "./clock-skew.ts";
import { CommitPace } from "./commit-pace.ts";
import { claimPartition, type PartitionOwner, type PartitionOwnerOptions } from "./partition-owner.ts";
import { NO_PAUSE, type StagePause } from "./stage-pause.ts";
import { SuspectTrials } from "./suspects.ts";
import { StateBytes } from "./state-bytes.ts";
import { UnitCommits } from "./unit-commits.ts";
import { WarmPartitions } from "./warm-partitions.ts";
import type { Clock } from "../core/clock.ts";
import type { AssignmentListener, ConsumerGroups } from "../core/consumer-group.ts";
import type { EventLog, FetchedSlice, LogReader } from "../core/event-log.ts";
import type { Outcomes } from "../core/ledger.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { LoadFunctions } from "../engine/stage-functions.ts";
import type { ColdFile } from "./cold-file.ts";
import type { FunctionMeter } from "./function-meter.ts";
import type { HeldMarker, Suspicions } from "./suspects.ts";

export interface StageRunnerOptions {
  readonly log: EventLog;
  readonly stage: StageDefinition;
  /** Deals out the partitions of the stage's input topic. */
  readonly groups: ConsumerGroups;
  /** As `ConsumerGroups.join` takes it. */
  readonly memberId?: string;
  readonly generation: number;
  /** Loads what control records deploy. */
  readonly load?: LoadFunctions;
  /** Monotonic milliseconds: when to close a unit. It decides nothing about results. */
  readonly monotonic: Clock;
  /** The receive clock, to tell clocks that differ; it decides nothing about results either. Absent: nobody looks. */
  readonly clock?: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told of every call of a function. */
  readonly meter?: FunctionMeter;
  /** Where spans of sampled records go. Absent: no record is asked whether it is one. */
  readonly tracer?: PartitionOwnerOptions["tracer"];
  readonly snapshotAfterUnits?: PartitionOwnerOptions["snapshotAfterUnits"];
  /** Where state goes that memory does not hold. Closed when the runner has stopped. */
  readonly cold?: ColdFile;
  /** Where to write down which call of a function runs, for who watches this thread. */
  readonly marker?: HeldMarker;
  /** Holds the stage up when most of its records die. */
  readonly pause?: StagePause;
  /** What the thread before this one died of. */
  readonly suspicions?: Suspicions;
  /** Told once when the loop has ended by itself: nothing is worked any more. */
  readonly onEnd?: (error: unknown) => void;
}

/** For who leaves its group without being told to stop. */
const LEAVE_MS = 10_000;

/** What the runner has counted, for the ledger. Offsets and counts are taken at the same moment. */
export interface StageTotals {
  /** Where each partition stands: `step` is above 0 within a record. */
  readonly partitions: readonly { readonly partition: number; readonly nextOffset: number; readonly step: number }[];
  readonly totals: ReadonlyMap<string, Outcomes>;
  /** True when everything processed has landed in the log. */
  readonly quiet: boolean;
}

export interface StageRunner extends Service, Readiness {
  totals(): StageTotals;
  /** About what functions keep here, in bytes, by name; one partition of it is counted anew. */
  stateBytes(): ReadonlyMap<string, number>;
}

/**
 * The consume loop of a stage: poll → run stage → commit. It owns the partitions that its group gives it until it stops. Closing units
 * is here; restoring in owned-partitions.ts; what a record does is the engine's, what durable means is the log's.
 */
export function createStageRunner(options: StageRunnerOptions): StageRunner {
  const { log, stage, monotonic, logger, metrics, clock } = options;
  const { records, restores, warmBytes: bytesGauge } = createStageCounters(metrics, stage.name);
  const skew = clock && createClockSkew({ stage: stage.name, clock, monotonic, logger, metrics });
  const warm = new WarmPartitions({ limits: LIMITS, monotonic, bytesGauge });
  const stopping = new AbortController();
  /** Ends the poll that is under way. */
  let polling = new AbortController();
  let reader: LogReader | null = null;
  let running: Promise<void> = Promise.resolve();
  const pace = new CommitPace(monotonic, clock);
  /** A pause began in the middle of what was read. */
  let isCutShort = false;
  let ended: string | null = null;
  const losses: string[] = [];
  const { marker, suspicions, pause: stagePause = NO_PAUSE } = options;
  const trials = suspicions === undefined ? null : new SuspectTrials(suspicions, marker ?? null);
  const changes: (() => Promise<void>)[] = [];
  const lookout = new DeployLookout(log, stage);
  /** Until the deploy that was seen is worked nothing pauses the stage. */
  let isUnpaused = false;

  const onEnd = (error: unknown): void => {
    const isFirst = ended === null;
    ended ??= errorText(error);
    logger.error({ stage: stage.name, err: error }, "the stage's loop ended");
    stopping.abort();
    polling.abort();
    if (isFirst) options.onEnd?.(error);
    // What a newer release wrote is worked by those who know it: they get the partitions, which a member that stays would hold.
    if (isFirst && isMillraceError(error, "DATA_FORMAT_UNSUPPORTED")) void leave(AbortSignal.timeout(LEAVE_MS));
  };

  const claim = async (partition: number, onFailure: () => void): Promise<PartitionOwner> => {
    const { generation, load, meter, cold, tracer, snapshotAfterUnits } = options;
    const engine = {
      ...(load === undefined ? {} : { load }),
      ...(marker === undefined ? {} : { marker }),
      ...(meter === undefined ? {} : { meter }),
      ...(cold === undefined ? {} : { cold: cold.partition(partition, () => owned.wantedCount) }),
    };
    const from = { journals: log, stage, partition, generation, warm, tracer, snapshotAfterUnits, logger };
    const owner = await claimPartition({ ...from, onFailure, engine });
    restores[owner.isWarm ? "warm" : "cold"].add();
    if (owner.loss !== null) {
      const { code, message, remedy } = owner.loss;
      logger.error({ code, stage: stage.name, partition, remedy }, message);
      losses.push(message);
    }
    return owner;
  };

  /** At once when there is no loop (any more). */
  const inLoop = (change: () => Promise<void>): Promise<void> => {
    if (stopping.signal.aborted) return nextTurn().then(change);
    return new Promise((resolve, reject) => {
      changes.push(() => change().then(resolve, reject));
      polling.abort();
    });
  };

  const owned = new OwnedPartitions({ log, stage: stage.name, monotonic, logger, warm, claim, inLoop, onEnd });
  const { owners } = owned;
  const commits = new UnitCommits(owners, pace);
  const stateBytes = new StateBytes();

  const seekAll = (): void => {
    // A stage that has ended stands behind everything, until whoever runs it takes it away.
    const worked = [...owners.values()].filter(({ state }) => state.next.offset < ENDED_AT);
    reader?.seek(worked.map((o) => ({ topic: stage.input, partition: o.partition, offset: o.state.next.offset })));
  };

  const applyChanges = async (): Promise<void> => {
    const due = changes.splice(0);
    if (due.length === 0) return;
    // Who gives partitions away commits: as UnitCommits does, behind what was left behind.
    await nextTurn();
    for (const change of due) await change();
    seekAll();
  };

  const runSlice = async (slice: FetchedSlice): Promise<void> => {
    const owner = owners.get(slice.partition);
    if (owner === undefined || owner.failure !== undefined) return;
    const { state } = owner;
    const { corrupt } = slice;
    for (const record of slice.records) {
      if (corrupt && state.next.offset === corrupt.fromOffset) state.skipCorrupt(corrupt.fromOffset, corrupt.toOffset);
      if (record.offset < state.next.offset) continue;
      if (pace.isBreathDue) await commits.breathe();
      // Who gives or takes partitions must not wait until all is worked that was read, however slow a function is.
      if (changes.length > 0) {
        isCutShort = true;
        return;
      }
      if (trials?.isSuspect(slice.partition, record)) {
        await commits.all();
        await trials.before(owner, record);
      }
      if (owner.failure !== undefined) return;
      if (isUnpaused) isUnpaused = lookout.isAhead(owners.values());
      if (!isUnpaused && stagePause.waitMs() > 0) {
        isCutShort = true;
        return;
      }
      const { deadLetters } = state;
      while (!(trials?.isSearching ? await trials.process(owner, record) : state.process(record)))
        await commits.one(owner);
      if (trials?.isSuspect(slice.partition, record)) await trials.after(owner, [...owners.values()]);
      if (!isUnpaused) stagePause.settled(state.deadLetters > deadLetters);
      if (state.pendingRecords >= LIMITS.unitRecordsMax || state.pendingBytes >= LIMITS.unitBytesMax)
        await commits.one(owner);
    }
    if (corrupt && state.next.offset < corrupt.toOffset) state.skipCorrupt(corrupt.fromOffset, corrupt.toOffset);
    records.add(slice.records.length);
  };

  const waitMs = (): number => {
    const dirty = [...owners.values()].some((owner) => owner.state.pendingRecords > 0);
    return dirty ? pace.waitMs : 1000;
  };

  const loop = async (source: LogReader): Promise<void> => {
    while (!stopping.signal.aborted) {
      polling = new AbortController();
      if (changes.length > 0) polling.abort();
      const { signal } = polling;
      isUnpaused = lookout.isAhead(owners.values());
      if (isUnpaused) stagePause.resume();
      const pausedMs = stagePause.waitMs();
      if (pausedMs > 0) await lookout.look(owners.values(), Math.min(pausedMs, waitMs()), signal);
      const slices =
        pausedMs > 0 ? [] : await source.poll({ bytesMax: LIMITS.fetchBytesMax, waitMs: waitMs(), signal });
      pace.polled(slices);
      for (const { records } of slices) skew?.look(records.at(-1)?.timestamp ?? 0);
      for (const slice of trials?.inOrder(slices) ?? slices) await runSlice(slice);
      // What was read and is not worked now is read again.
      if (isCutShort) seekAll();
      isCutShort = false;
      await (slices.length === 0 ? commits.all() : commits.due());
      await owned.tend(slices.length === 0);
      await applyChanges();
      // A backlog never makes the loop wait, and whoever asks this thread something must not wait for the backlog's end.
      await nextTurn();
    }
  };

  const listener: AssignmentListener = {
    async take(partitions) {
      try {
        await owned.take(partitions);
      } catch (error) {
        onEnd(error);
        throw error;
      }
    },
    release: (partitions) => owned.release(partitions),
  };
  const membership = options.groups.join(stageJournalName(stage.name), listener, options.memberId);
  let leaving: Promise<void> | null = null;
  const leave = (signal: AbortSignal): Promise<void> => (leaving ??= membership.stop(signal));

  return {
    async start() {
      // What the engine keeps of a record is never its bytes: its outputs and its state are texts of their own.
      reader = log.openReader([], { untilNextPoll: true });
      // What came too late for the loop is done after it.
      running = loop(reader).catch(onEnd).then(applyChanges);
      try {
        await membership.start();
      } catch (error) {
        stopping.abort();
        polling.abort();
        throw error;
      }
    },
    async stop(signal) {
      warm.close();
      await untilAborted(leave(signal), signal);
      stopping.abort();
      polling.abort();
      await untilAborted(running, signal);
      reader?.close();
      lookout.close();
      options.cold?.close();
    },
    totals() {
      const totals = new Map<string, Outcomes>();
      const partitions = [];
      let quiet = true;
      for (const { partition, state, idle } of owners.values()) {
        quiet &&= idle && state.pendingRecords === 0;
        partitions.push({ partition, nextOffset: state.next.offset, step: state.next.step });
        for (const [key, outcomes] of state.totals()) {
          const sum = totals.get(key) ?? noOutcomes();
          addOutcomes(sum, outcomes);
          totals.set(key, sum);
        }
      }
      return { partitions, totals, quiet };
    },
    stateBytes: () => stateBytes.look(owners),
    notReadyReasons: () => [
      ...(ended === null ? [] : [`stage ${stage.name} stopped: ${ended}`]),
      ...(stagePause.reason === null ? [] : [stagePause.reason]),
      ...losses,
    ],
  };
}
