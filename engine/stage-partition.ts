import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { isControlRecord } from "../core/record.ts";
import { beginControl, continueSweep, passFlushOn } from "./control-steps.ts";
import { FunctionRunner } from "./function-runner.ts";
import { processMessage } from "./message-steps.ts";
import { condemnCall, stopCanary } from "./outside-decisions.ts";
import { createPartitionParts } from "./partition-parts.ts";
import { restoreState, resumeState, snapshotChunks } from "./state-restore.ts";
import { NO_KEY, type Outcomes } from "../core/ledger.ts";
import type { LogRecord, RecordInput } from "../core/record.ts";
import type { TopicName } from "../core/topics.ts";
import type { Verdict } from "../core/verdict.ts";
import type { SnapshotChunk, Step, UnitBody } from "../core/commit-unit.ts";
import type { PartitionParts, PartitionPartsOptions } from "./partition-parts.ts";
import type { StepPace } from "./control-steps.ts";
import type { RestoredState } from "./state-restore.ts";

export type StagePartitionOptions = PartitionPartsOptions;

/** What its host gives the engine: the loader of functions, who is told of calls, and where keys go that are not used. */
export type EngineHooks = Pick<StagePartitionOptions, "load" | "marker" | "meter" | "cold">;

/** What a commit carries: the unit for the journal, and the outputs that become visible with it. */
export interface UnitDraft {
  readonly body: UnitBody;
  /** Receive time at which the next timer is due; null when none is. */
  readonly nextTimer: number | null;
  readonly outputs: ReadonlyMap<TopicName, readonly RecordInput[]>;
  readonly records: number;
  readonly bytes: number;
}

/**
 * A stage over one partition of its input: the one deterministic engine behind live runs, tests and replays. The same records give
 * the same outputs, wherever units end and however often the state was restored in between. No I/O, clock or randomness.
 */
export interface StagePartition {
  /** Runs the steps of this record: each timer on the way to it, then itself. False when the unit is full: end it, and call again. */
  process(record: LogRecord): boolean;
  /**
   * Puts a verdict on a call of a record that is not finished: the call is not made any more, and its input becomes a dead letter. To be
   * sealed in a unit of its own, which must be durable before the record is processed.
   */
  condemn(verdict: Verdict): void;
  /** Calls a canary (name@version) no more, if it runs here: a verdict has stopped it elsewhere. To be sealed as one. */
  stopCanary(id: string): void;
  readonly stoppedCanaries: readonly string[];
  /** Counts offsets [from, to) as corrupt. */
  skipCorrupt(fromOffset: number, toOffset: number): void;
  /** Since the last seal. */
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  readonly next: Step;
  readonly nextTimer: number | null;
  /** What to commit since the last seal; null when nothing has moved. */
  seal(): UnitDraft | null;
  /** As `seal`, for who keeps no units: state is not written down, and only the outputs are given. */
  takeOutputs(): UnitDraft["outputs"];
  /** The full state in chunks of about LIMITS.snapshotChunkBytes. To be called right after `seal`. */
  snapshotChunks(): Iterable<SnapshotChunk>;
  /** True when all that has changed is sealed, so that the state is what a restore of its units would give. */
  readonly isSealed: boolean;
  /** About how many bytes of memory the state takes: looks at all of it. */
  readonly bytes: number;
  /** The same of the functions' own slots, by function. */
  bytesByFunction(): ReadonlyMap<string, number>;
  /**
   * Goes on behind units that another owner has committed since this state was sealed: as if restored from the first unit to the last.
   * STATE_INVALID when they do not continue it; it is of no use then.
   */
  resume(units: readonly UnitBody[]): void;
  /** How many dead letters this object has made: not a part of the state. */
  readonly deadLetters: number;
  /** Ledger totals per key since the beginning, what is not sealed included. Corrupt and control records are under the empty key. */
  totals(): ReadonlyMap<string, Outcomes>;
}

/** STATE_INVALID when the units do not continue one another, or hold what the functions' schemas refuse. */
export function createStagePartition(options: StagePartitionOptions, restored?: RestoredState): StagePartition {
  const parts = createPartitionParts(options);
  const next = restored === undefined ? { offset: 0, step: 0 } : restoreState(parts, restored);
  return new PartitionEngine(parts, options.generation, next);
}

class PartitionEngine implements StagePartition, StepPace {
  private readonly parts: PartitionParts;
  private readonly generation: number;
  private readonly runner: FunctionRunner;
  private position: Step;
  private sealed: Step;
  private doneRecords = 0;
  private inputBytes = 0;
  private timersInUnit = 0;

  constructor(parts: PartitionParts, generation: number, next: Step) {
    this.parts = parts;
    this.generation = generation;
    this.runner = new FunctionRunner(parts);
    this.position = next;
    this.sealed = next;
  }

  get next(): Step {
    return this.position;
  }

  get nextTimer(): number | null {
    return this.parts.queue.first()?.dueAt ?? null;
  }

  get pendingRecords(): number {
    return this.doneRecords + (this.position.step > 0 && this.position !== this.sealed ? 1 : 0);
  }

  get pendingBytes(): number {
    return this.inputBytes + this.parts.outputs.bytes + this.parts.store.touchedBytes;
  }

  process(record: LogRecord): boolean {
    this.moveTo(record);
    const { partitionTime, sweep, overdue } = this.parts;
    if (partitionTime.value === null || record.timestamp > partitionTime.value) partitionTime.set(record.timestamp);
    this.runner.beginRecord(record);
    // What goes on, a sweep or a key's overdue timers, had them fired before it began; what it has made due since comes after it.
    if (sweep.value === null && overdue.value === null && !this.fireDueTimers()) return false;
    const finished = isControlRecord(record)
      ? this.processControl(record)
      : processMessage(this.parts, this.runner, this, record);
    if (finished) this.finishRecord(record.offset + 1, record.value.length);
    return finished;
  }

  condemn(verdict: Verdict): void {
    condemnCall(this.parts, verdict);
  }

  stopCanary(id: string): void {
    stopCanary(this.parts, id);
  }

  get stoppedCanaries(): readonly string[] {
    return this.parts.functions.stoppedCanaries;
  }

  skipCorrupt(fromOffset: number, toOffset: number): void {
    const from = Math.max(fromOffset, this.position.offset);
    if (toOffset <= from) return;
    this.leaveHalfDone();
    this.parts.counts.add(NO_KEY, "corrupt", toOffset - from);
    this.position = { offset: toOffset - 1, step: 0 };
    this.finishRecord(toOffset, 0);
    this.doneRecords += toOffset - from - 1;
  }

  seal(): UnitDraft | null {
    const { position: next, sealed: from } = this;
    // A verdict changes state where nothing has moved.
    if (next.offset === from.offset && next.step === from.step && this.isSealed) return null;
    const { stage, store, counts, outputs } = this.parts;
    const { pendingRecords: records, pendingBytes: bytes } = this;
    const slots = store.takeTouched();
    store.coolDown();
    const outcomes = counts.takePending();
    const body = { v: 1 as const, stage: stage.name, generation: this.generation, from, next, slots, outcomes };
    this.endUnit();
    return { body, nextTimer: this.nextTimer, outputs: outputs.take(), records, bytes };
  }

  takeOutputs(): UnitDraft["outputs"] {
    const { store, counts, outputs } = this.parts;
    store.settleTouched();
    store.coolDown();
    counts.takePending();
    this.endUnit();
    return outputs.take();
  }

  private endUnit(): void {
    this.sealed = this.position;
    this.doneRecords = 0;
    this.inputBytes = 0;
    this.timersInUnit = 0;
  }

  snapshotChunks(): Iterable<SnapshotChunk> {
    if (this.position !== this.sealed) throw new TypeError("a snapshot is taken right after seal()");
    return snapshotChunks(this.parts, this.generation, this.sealed);
  }

  get isSealed(): boolean {
    return this.position === this.sealed && this.parts.store.touchedBytes === 0;
  }

  get deadLetters(): number {
    return this.runner.letters.made;
  }

  get bytes(): number {
    return this.parts.store.bytes;
  }

  bytesByFunction(): ReadonlyMap<string, number> {
    return this.parts.store.bytesByFunction();
  }

  resume(units: readonly UnitBody[]): void {
    if (!this.isSealed) throw new TypeError("only what is sealed can be gone on from");
    this.parts.outputs.leaveStep();
    this.position = resumeState(this.parts, units, this.sealed);
    this.sealed = this.position;
  }

  totals(): ReadonlyMap<string, Outcomes> {
    return this.parts.counts.totals();
  }

  private moveTo(record: LogRecord): void {
    if (record.offset < this.position.offset) {
      const text = `record ${record.offset} comes again: the stage has already come to ${this.position.offset}`;
      throw new MillraceError("STATE_INVALID", text);
    }
    if (record.offset > this.position.offset) {
      this.leaveHalfDone();
      this.position = { offset: record.offset, step: 0 };
    }
    this.beginStep();
  }

  /** A record that was half done is damaged now: what it had still to do is lost, and the next one begins its own. */
  private leaveHalfDone(): void {
    const { sweep, overdue } = this.parts;
    if (sweep.value !== null) sweep.set(null);
    if (overdue.value !== null) overdue.set(null);
  }

  private beginStep(): void {
    if (!this.parts.outputs.beginStep(this.position)) return;
    this.parts.store.beginStep();
    this.parts.calls.beginStep(this.position);
  }

  /**
   * The timers of all keys that partition time has reached, in the order in which they became due, each a step of its own. At least one
   * is fired; false when the unit was full before the last.
   */
  private fireDueTimers(): boolean {
    const { queue, partitionTime } = this.parts;
    const now = partitionTime.value ?? 0;
    for (let fired = 0; ; fired += 1) {
      const key = queue.first();
      if (key === undefined || key.dueAt > now) return true;
      if (fired > 0 && this.isUnitFull()) return false;
      const timer = key.firstTimer;
      if (timer === undefined) return true;
      this.runner.fireTimer(key, timer);
      queue.refresh(key);
      this.endStep();
    }
  }

  private processControl(record: LogRecord): boolean {
    const { sweep } = this.parts;
    if (sweep.value === null) beginControl(this.parts, this.runner, record);
    if (!continueSweep(this.parts, this.runner, this)) return false;
    // What the sweep made due fires within this record, so that a flush is over when its record is.
    if (sweep.value !== null && !sweep.value.done) {
      sweep.set({ ...sweep.value, done: true });
      this.endStep();
    }
    if (!this.fireDueTimers()) return false;
    if (sweep.value !== null) {
      passFlushOn(this.parts, this.runner, sweep.value);
      sweep.set(null);
    }
    this.parts.counts.add(NO_KEY, "control", 1);
    return true;
  }

  isUnitFull(): boolean {
    const { timersPerUnitMax, unitBytesMax } = LIMITS;
    return this.timersInUnit >= timersPerUnitMax || this.pendingBytes >= unitBytesMax || this.parts.store.isTooWarm;
  }

  endStep(): void {
    this.timersInUnit += 1;
    this.parts.undo.clear();
    this.position = { offset: this.position.offset, step: this.position.step + 1 };
    this.beginStep();
  }

  private finishRecord(nextOffset: number, bytes: number): void {
    const { verdicts } = this.parts;
    if (verdicts.value?.some(({ offset }) => offset < nextOffset)) verdicts.set(null);
    this.parts.undo.clear();
    this.position = { offset: nextOffset, step: 0 };
    this.doneRecords += 1;
    this.inputBytes += bytes;
  }
}
