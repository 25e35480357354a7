import { LIMITS } from "../core/limits.ts";
import { applyConfig, applyInput, applyTimer } from "./apply-call.ts";
import { DeadLetters } from "./dead-letters.ts";
import { begunVersionsAt, callBoth, callsOnReading, versionsAt } from "./canary-calls.ts";
import { FunctionCall } from "./function-call.ts";
import { MessageTimers, type MessageInput } from "./message-input.ts";
import { requireCountable } from "./ledger-counts.ts";
import { ownReading, putOutput, putWritten } from "./put-output.ts";
import { WHOLE_STEP, identityOf, type StepFailure } from "./step-failure.ts";
import { StepScopes } from "./step-scopes.ts";
import { endFailedTimer, firingWith } from "./timer-calls.ts";
import { moveSide, moveTime } from "./timer-queue.ts";
import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { ConfigChange } from "../core/function.ts";
import type { OutcomeName } from "../core/ledger.ts";
import type { LogRecord } from "../core/record.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { WrittenJson } from "../wire/written-json.ts";
import type { CallOf, Versions } from "./canary-calls.ts";
import type { DueTimer } from "./timer-calls.ts";
import type { DeviceIds, LetterSource } from "./dead-letters.ts";
import type { CallSite, PlacedFunction } from "./function-call.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { StageConfig } from "./stage-config.ts";
import type { TimerSlot } from "./state-slots.ts";

/**
 * Calls the functions of a stage, and makes dead letters of what they throw. Every call of `runMessage`, `fireTimer` and
 * `changeConfig` is a scope: it takes effect as a whole, or leaves a dead letter and nothing else.
 */
export class FunctionRunner implements CallSite {
  readonly parts: PartitionParts;
  readonly scopes: StepScopes;
  readonly config: StageConfig;
  readonly letters: DeadLetters;
  private outcome: OutcomeName = "processed";
  private record: LogRecord | null = null;
  /** A function of a stage of independent ones has failed on the message. */
  private failedAlone = false;
  /** While the record of a dead letter is run again. */
  private redriven: { readonly only: string | null } | null = null;
  private readonly timers = new MessageTimers();

  constructor(parts: PartitionParts) {
    this.parts = parts;
    this.config = parts.config;
    this.scopes = new StepScopes(parts);
    this.letters = new DeadLetters(parts);
  }

  /** To be called before anything is run for a record: timers fired on the way to it name it as their source. */
  beginRecord(record: LogRecord): void {
    this.record = record;
  }

  /** Of the record that is run, UTC ms. */
  get receiveTime(): number {
    return this.record?.timestamp ?? 0;
  }

  /**
   * Runs a message through the stage, and counts its one outcome. When its first reading reaches more timers than fit into one step,
   * nothing has happened, and it returns the watermark up to which they are to fire before it is run again; else null.
   */
  runMessage(input: MessageInput): number | null {
    const { scopes } = this;
    this.outcome = "processed";
    this.failedAlone = false;
    this.timers.reset();
    scopes.begin();
    try {
      this.apply(input);
      scopes.requireStepFits();
    } catch (error) {
      scopes.caught(error);
    }
    return this.settleMessage(input.key, input.record, scopes.end());
  }

  private apply({ key, record, reading, joined }: MessageInput): void {
    const receiveTime = record.timestamp;
    if (reading !== null) return this.passOn(key, receiveTime, reading, 0, true);
    const watermark = this.parts.watermarkOf(key);
    if (joined !== null) {
      moveSide(key, joined.value, receiveTime, joined.device);
      this.fireReached(key);
      const { placed, value } = joined;
      this.invokeAlone(new FunctionCall(this, { placed, key, cause: "input", receiveTime, watermark }), value);
      return key.forgetTime();
    }
    for (const placed of this.parts.functions.byInput.telemetry) {
      if (this.leavesOut(placed)) continue;
      this.call(new FunctionCall(this, { placed, key, cause: "input", receiveTime, watermark }), applyInput, record);
    }
  }

  /** Runs the record of a dead letter again, on one function or, with `only` null, on all that read it. */
  redrive(record: LogRecord, only: string | null, run: () => void): void {
    const { record: control } = this;
    this.record = record;
    this.redriven = { only };
    try {
      run();
    } finally {
      this.redriven = null;
      this.record = control;
    }
  }

  private leavesOut({ fn }: PlacedFunction): boolean {
    return (this.redriven?.only ?? fn.name) !== fn.name;
  }

  /** Fires a timer as a step of its own; it is gone afterwards whatever happens. */
  fireTimer(key: KeyState, timer: TimerSlot): void {
    this.fire(key, timer, true);
    key.forgetTime();
  }

  private fire(key: KeyState, timer: TimerSlot, isStep: boolean): void {
    const firing = firingWith(this.parts, this, key, timer);
    if (firing === null) return;
    const { name, at, received, versions, due } = firing;
    const what: LetterSource = { received, record: null, timer: { name, at } };
    this.scopes.begin();
    try {
      if (versions !== null) this.callBoth(key, versions, (of) => this.answerOf(due, of), what);
      else for (const one of due) this.answer(one);
      if (isStep) this.scopes.requireStepFits();
    } catch (error) {
      this.scopes.caught(error);
    }
    const failure = this.scopes.end();
    for (const one of due) if (one.timer.at === at) endFailedTimer(this.scopes, one);
    if (failure !== null) this.deadLetter(key, failure, what);
  }

  private answerOf(due: readonly DueTimer[], placed: PlacedFunction): (() => void) | null {
    const own = due.find(({ call }) => call.placed === placed);
    return own === undefined ? null : () => this.answer(own);
  }

  /** The timer is taken back with what its call does: one that is still set afterwards is one whose call has failed. */
  private answer({ call, timer }: DueTimer): void {
    timer.set(null);
    this.tell(call, applyTimer, timer.name);
  }

  /** Tells the functions that have state of this key what a control record changed for it. */
  changeConfig(key: KeyState, change: ConfigChange): void {
    for (const placed of this.parts.functions.byName.values()) {
      const callOf = (of: PlacedFunction) => this.configCall(of, key, change);
      const what: LetterSource = { received: this.receiveTime, record: this.record };
      const versions = begunVersionsAt(placed, key);
      const run = versions === null ? callOf(placed) : () => void this.callBoth(key, versions, callOf, what);
      const failure = run && this.scopes.attemptStep(run);
      if (failure !== null) this.deadLetter(key, failure, what);
    }
  }

  private configCall(placed: PlacedFunction, key: KeyState, change: ConfigChange): (() => void) | null {
    const { fn, stateName } = placed;
    if (fn.kind !== "stream" || fn.onConfig === undefined || !key.hasStateOf(stateName)) return null;
    const input = { placed, key, receiveTime: this.receiveTime, watermark: this.parts.watermarkOf(key) };
    return () => this.tell(new FunctionCall(this, { ...input, cause: "config" }), applyConfig, change);
  }

  emit(call: FunctionCall, topic: OutputTopic, value: object): void {
    putOutput(this, call, topic, value);
    if (topic === "readings") this.passBehind(call, ownReading(call, value));
  }

  emitWritten(call: FunctionCall, topic: OutputTopic, json: WrittenJson, reading: Reading | null): void {
    putWritten(this, call, topic, json);
    if (reading !== null) this.passBehind(call, reading);
  }

  /** Only the stock functions build on one another. Users' stand side by side: each runs on what the main stage made. */
  private passBehind({ key, receiveTime, placed, cause }: FunctionCall, reading: Reading): void {
    if (this.parts.stage.input !== "telemetry") return;
    this.passOn(key, receiveTime, reading, placed.index + 1, cause === "input");
  }

  count(call: FunctionCall, outcome: OutcomeName, by: number): void {
    if (outcome === "duplicate" || outcome === "quarantined") {
      if (call.cause !== "input") throw new TypeError(`only a message can be counted as ${outcome}`);
      if (this.outcome === "processed") this.outcome = outcome;
      return;
    }
    requireCountable(outcome, by);
    this.parts.counts.add(call.key.deviceKey, outcome, by);
  }

  /**
   * Hands a reading to the functions from `first` on: the key's time moves to it, the timers that this reaches fire, then it is
   * applied. A reading that a timer made moves no time: its own time has come already.
   */
  private passOn(key: KeyState, receiveTime: number, reading: Reading, first: number, movesTime: boolean): void {
    const watermark = this.parts.watermarkOf(key);
    if (movesTime) {
      moveTime(key, reading.ts, receiveTime);
      this.fireReached(key);
    }
    for (const placed of this.parts.functions.byInput.readings) {
      if (placed.index < first || (first === 0 && this.leavesOut(placed))) continue;
      const call = new FunctionCall(this, { placed, key, cause: "input", receiveTime, watermark });
      if (this.parts.stage.input === "readings") this.invokeAlone(call, reading);
      else this.call(call, applyInput, reading);
    }
  }

  /** Where functions all read the same topic they are independent: one that fails undoes and loses nothing of the others. */
  private invokeAlone(call: FunctionCall, reading: Reading | Repartitioned): void {
    const { key, placed, receiveTime: received } = call;
    const { record } = this;
    const versions = versionsAt(placed, key);
    if (versions !== null) return this.invokeBoth(call, versions, reading);
    this.scopes.begin();
    try {
      this.call(call, applyInput, reading);
    } catch (error) {
      this.scopes.caught(error);
    }
    const failure = this.scopes.end();
    if (failure === null) return;
    this.failedAlone = true;
    // Only this function is undone, also when it made too much: a redrive must not run the others again.
    this.deadLetter(key, { ...failure, by: identityOf(placed) }, { received, record });
  }

  private invokeBoth(call: FunctionCall, versions: Versions, reading: Reading | Repartitioned): void {
    const { key, receiveTime: received } = call;
    const callOf = callsOnReading(versions, key, (of) => this.call(call.ofVersion(of), applyInput, reading));
    if (this.callBoth(key, versions, callOf, { received, record: this.record })) this.failedAlone = true;
  }

  private fireReached(key: KeyState): void {
    const reached = this.parts.watermarkOf(key);
    const bytesMax = this.parts.outputs.stepBytes + LIMITS.timerOutputBytesPerMessageMax;
    this.timers.readings += 1;
    for (;;) {
      const timer = key.firstTimer;
      if (timer === undefined || timer.at === null || timer.at > reached) return;
      const { readings, fired } = this.timers;
      if (fired >= LIMITS.timersPerMessageMax || this.parts.outputs.stepBytes > bytesMax) {
        // Only before anything else was done with a reading can they fire first without a difference.
        if (readings === 1) this.timers.overdue = reached;
        const text = `the message reaches more timers at once than a step may fire: send its readings one by one`;
        throw this.scopes.failed(WHOLE_STEP, new RangeError(text));
      }
      this.fire(key, timer, false);
      this.timers.fired += 1;
    }
  }

  /** Of timers and configuration only stream functions are told. */
  private tell<Value>(call: FunctionCall, run: (call: FunctionCall, value: Value) => void, value: Value): void {
    if (call.placed.fn.kind === "stream") this.call(call, run, value);
  }

  private call<Value>(call: FunctionCall, run: (call: FunctionCall, value: Value) => void, value: Value): void {
    const { calls } = this.parts;
    try {
      const outer = calls.begin(call);
      let failed = true;
      try {
        run(call, value);
        failed = false;
      } finally {
        calls.end(outer, failed);
      }
    } catch (error) {
      throw this.scopes.failed(identityOf(call.placed), error);
    }
  }

  private settleMessage(key: KeyState, record: LogRecord, failure: StepFailure | null): number | null {
    if (failure !== null && this.timers.overdue !== null && this.redriven === null) return this.timers.overdue;
    if (failure !== null) this.deadLetter(key, failure, { received: record.timestamp, record });
    // It was counted when it became a dead letter.
    if (this.redriven !== null) return null;
    const failed = failure !== null || this.failedAlone;
    this.parts.counts.add(key.deviceKey, failed ? "deadLettered" : this.outcome, 1);
    return null;
  }

  private deadLetter(ids: DeviceIds, failure: StepFailure, what: LetterSource): void {
    this.letters.write(ids, failure, what, this.record?.offset ?? 0);
  }

  private callBoth(key: KeyState, versions: Versions, callOf: CallOf, what: LetterSource): boolean {
    const deadLetter = (failure: StepFailure): void => this.deadLetter(key, failure, what);
    return callBoth({ parts: this.parts, scopes: this.scopes, versions, callOf, deadLetter });
  }
}
