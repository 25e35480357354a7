import { isReading } from "../core/is-reading.ts";
import { LIMITS } from "../core/limits.ts";
import { DeadLetters } from "./dead-letters.ts";
import { begunVersionsAt, callBoth, callsOnReading, versionsAt } from "./canary-calls.ts";
import { FunctionCall, type CallInput, type CallSite, type PlacedFunction } from "./function-call.ts";
import { assertJson } from "./json-check.ts";
import { MessageTimers, type MessageInput } from "./message-input.ts";
import { keyOfRepartitioned } from "./key-of-repartitioned.ts";
import { requireCountable } from "./ledger-counts.ts";
import { WHOLE_STEP, identityOf, tooMuchAtOnce, type StepFailure } from "./step-failure.ts";
import { StepScopes } from "./step-scopes.ts";
import { endFailedTimer, firingWith } from "./timer-calls.ts";
import { moveSide, moveTime } from "./timer-queue.ts";
import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { ConfigChange, StreamFunction } from "../core/function.ts";
import type { OutcomeName } from "../core/ledger.ts";
import type { LogRecord } from "../core/record.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { CallOf, Versions } from "./canary-calls.ts";
import type { DeviceIds, LetterSource } from "./dead-letters.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { TimerSlot } from "./state-slots.ts";

/**
 * Calls the functions of a stage, and makes dead letters of what they throw. Every call of `runMessage`, `fireTimer` and
 * `changeConfig` is a scope: it takes effect as a whole, or leaves a dead letter and nothing else.
 */
export class FunctionRunner implements CallSite {
  private readonly parts: PartitionParts;
  private readonly scopes: StepScopes;
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
      this.invokeAlone({ placed: joined.placed, key, cause: "input", receiveTime, watermark }, joined.value);
      return key.forgetTime();
    }
    for (const placed of this.parts.functions.byInput.telemetry) {
      if (!this.leavesOut(placed)) this.invoke({ placed, key, cause: "input", receiveTime, watermark }, record);
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
    this.fire(key, timer, (run) => this.scopes.attemptStep(run));
    key.forgetTime();
  }

  private fire(key: KeyState, timer: TimerSlot, attempt: (run: () => void) => StepFailure | null): void {
    const firing = firingWith(this.parts, key, timer);
    if (firing === null) return;
    const { name, at, received, versions, due } = firing;
    const what: LetterSource = { received, record: null, timer: { name, at } };
    const callOf = (placed: PlacedFunction) => {
      const own = due.find(({ input }) => input.placed === placed);
      if (own === undefined) return null;
      return () => {
        // Undone with what the call does: a timer that is still set is one whose call has failed.
        own.timer.set(null);
        this.tell(own.input, (fn, context) => fn.onTimer?.(name, at, context));
      };
    };
    const failure = attempt(() => {
      if (versions !== null) this.callBoth(key, versions, callOf, what);
      else for (const { input } of due) callOf(input.placed)?.();
    });
    for (const { input, timer: one } of due) {
      if (one.at === at) endFailedTimer(this.scopes, one, new FunctionCall(this, this.parts.config, input));
    }
    if (failure !== null) this.deadLetter(key, failure, what);
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
    const { receiveTime } = this;
    const input: CallInput = { placed, key, cause: "config", receiveTime, watermark: this.parts.watermarkOf(key) };
    return () => this.tell(input, (of, context) => of.onConfig?.(change, context));
  }

  emit(call: FunctionCall, topic: OutputTopic, value: object): void {
    const { placed, key, receiveTime, cause } = call.input;
    if (!placed.fn.outputs.includes(topic)) {
      throw new TypeError(`${placed.fn.name} does not name "${topic}" among its outputs`);
    }
    assertJson(value);
    const { parts, scopes } = this;
    const { functionVersion } = placed;
    const to = topic === "repartition" ? keyOfRepartitioned(call, value) : key.deviceKey;
    parts.outputs.push({ topic, key: to, timestamp: receiveTime, functionVersion, json: JSON.stringify(value) });
    // A loop that never ends must meet this before memory does.
    if (parts.outputs.stepBytes > LIMITS.stepBytesMax) throw scopes.failed(WHOLE_STEP, tooMuchAtOnce(parts));
    if (topic !== "readings") return;
    if (!isReading(value) || value.tenant !== call.tenant || value.device !== call.device) {
      throw new TypeError(`${placed.fn.name} emits a reading that is none of its device`);
    }
    // Only the stock functions build on one another. Users' stand side by side: each runs on what the main stage made.
    if (parts.stage.input !== "telemetry") return;
    this.passOn(key, receiveTime, value, placed.index + 1, cause === "input");
  }

  count(call: FunctionCall, outcome: OutcomeName, by: number): void {
    if (outcome === "duplicate" || outcome === "quarantined") {
      if (call.input.cause !== "input") throw new TypeError(`only a message can be counted as ${outcome}`);
      if (this.outcome === "processed") this.outcome = outcome;
      return;
    }
    requireCountable(outcome, by);
    this.parts.counts.add(call.input.key.deviceKey, outcome, by);
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
      const input: CallInput = { placed, key, cause: "input", receiveTime, watermark };
      if (this.parts.stage.input === "readings") this.invokeAlone(input, reading);
      else this.invoke(input, reading);
    }
  }

  /** Where functions all read the same topic they are independent: one that fails undoes and loses nothing of the others. */
  private invokeAlone(input: CallInput, reading: Reading | Repartitioned): void {
    const { key, placed, receiveTime: received } = input;
    const { record } = this;
    const versions = versionsAt(placed, key);
    if (versions !== null) {
      const callOf = callsOnReading(versions, key, (of) => this.invoke({ ...input, placed: of }, reading));
      if (this.callBoth(key, versions, callOf, { received, record })) this.failedAlone = true;
      return;
    }
    this.scopes.begin();
    try {
      this.invoke(input, reading);
    } catch (error) {
      this.scopes.caught(error);
    }
    const failure = this.scopes.end();
    if (failure === null) return;
    this.failedAlone = true;
    // Only this function is undone, also when it made too much: a redrive must not run the others again.
    this.deadLetter(key, { ...failure, by: identityOf(placed) }, { received, record });
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
      this.fire(key, timer, (run) => this.scopes.attempt(run));
      this.timers.fired += 1;
    }
  }

  private invoke(input: CallInput, value: LogRecord | Reading | Repartitioned): void {
    this.call(input, applyInput, value);
  }

  /** For what is no input: timers and configuration, which only stream functions are told. */
  private tell(input: CallInput, run: (fn: StreamFunction, call: FunctionCall) => void): void {
    const { fn } = input.placed;
    if (fn.kind === "stream") this.call(input, (call) => run(fn, call), null);
  }

  private call<Value>(input: CallInput, run: (call: FunctionCall, value: Value) => void, value: Value): void {
    const { calls, config } = this.parts;
    try {
      const outer = calls.begin(input);
      let failed = true;
      try {
        run(new FunctionCall(this, config, input), value);
        failed = false;
      } finally {
        calls.end(outer, failed);
      }
    } catch (error) {
      throw this.scopes.failed(identityOf(input.placed), error);
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

function applyInput(call: FunctionCall, value: LogRecord | Reading | Repartitioned): void {
  const { fn } = call.input.placed;
  if (fn.kind === "map") fn.process(value, call);
  else fn.onInput(value, call);
}
