import { isMillraceError } from "../core/errors.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { isReading } from "../core/is-reading.ts";
import { LIMITS } from "../core/limits.ts";
import { UNKNOWN_ID, deadLetterOutput, engineIdentity } from "./dead-letter.ts";
import { FunctionCall } from "./function-call.ts";
import { assertJson } from "./json-check.ts";
import { keyOfRepartitioned } from "./key-of-repartitioned.ts";
import { requireCountable } from "./ledger-counts.ts";
import { WHOLE_STEP, identityOf, stepBytes, tooMuchAtOnce } from "./step-failure.ts";
import { moveSide, moveTime } from "./timer-queue.ts";
import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { ConfigChange, StreamFunction } from "../core/function.ts";
import type { OutcomeName } from "../core/ledger.ts";
import type { LogRecord } from "../core/record.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { DeadLetterInput, FunctionIdentity } from "./dead-letter.ts";
import type { CallInput, CallSite, PlacedFunction } from "./function-call.ts";
import type { KeyState } from "./key-state.ts";
import type { JoinPlace } from "./side-times.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { TimerSlot } from "./state-slots.ts";
import type { MessageTimers, StepFailure } from "./step-failure.ts";

/**
 * Calls the functions of a stage, and makes dead letters of what they throw. Every call of `runMessage`, `fireTimer` and
 * `changeConfig` is a scope: it takes effect as a whole, or leaves a dead letter and nothing else.
 */
export class FunctionRunner implements CallSite {
  private readonly parts: PartitionParts;
  private failure: StepFailure | null = null;
  private outcome: OutcomeName = "processed";
  private record: LogRecord | null = null;
  /** A function of a stage of independent ones has failed on the message. */
  private failedAlone = false;
  /** While the record of a dead letter is run again. */
  private redriven: { readonly only: string | null } | null = null;
  /** Dead letters made so far, for who watches over the stage. */
  deadLetters = 0;
  private timers: MessageTimers = { readings: 0, fired: 0, overdue: null };

  constructor(parts: PartitionParts) {
    this.parts = parts;
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
  runMessage(key: KeyState, record: LogRecord): number | null {
    return this.runInput(key, record, () => {
      const watermark = this.parts.watermarkOf(key);
      for (const placed of this.parts.functions.byInput.telemetry) {
        if (this.leavesOut(placed)) continue;
        this.invoke({ placed, key, cause: "input", receiveTime: record.timestamp, watermark }, record);
      }
    });
  }

  /** As `runMessage`, for a stage that reads readings. */
  runReading(key: KeyState, record: LogRecord, reading: Reading): number | null {
    return this.runInput(key, record, () => this.passOn(key, record.timestamp, reading, 0, true));
  }

  /** As `runMessage`, for a stage that reads what is joined: for the one function that it is for. */
  runRepartitioned(key: KeyState, record: LogRecord, value: Repartitioned, place: JoinPlace): number | null {
    return this.runInput(key, record, () => {
      const watermark = this.parts.watermarkOf(key);
      moveSide(key, value, record.timestamp, place.device);
      this.fireReached(key);
      const { placed } = place;
      this.invokeAlone({ placed, key, cause: "input", receiveTime: record.timestamp, watermark }, value, true);
    });
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

  private runInput(key: KeyState, record: LogRecord, run: () => void): number | null {
    this.outcome = "processed";
    this.failedAlone = false;
    this.timers = { readings: 0, fired: 0, overdue: null };
    return this.settleMessage(key, record, this.attemptStep(run));
  }

  private leavesOut({ fn }: PlacedFunction): boolean {
    return (this.redriven?.only ?? fn.name) !== fn.name;
  }

  /** Fires a timer as a step of its own; it is gone afterwards whatever happens. */
  fireTimer(key: KeyState, timer: TimerSlot): void {
    this.fire(key, timer, (run) => this.attemptStep(run));
  }

  private fire(key: KeyState, timer: TimerSlot, attempt: (run: () => void) => StepFailure | null): void {
    const placed = this.parts.functions.byName.get(timer.owner.fn);
    const at = timer.at;
    if (placed === undefined || at === null) return;
    const receiveTime = this.parts.partitionTime.value ?? 0;
    const failure = attempt(() => {
      timer.set(null);
      const call: CallInput = { placed, key, cause: "timer", receiveTime, watermark: at };
      this.tell(call, (fn, context) => fn.onTimer?.(timer.name, at, context));
    });
    if (failure === null) return;
    timer.set(null);
    this.deadLetter(key, failure, { received: receiveTime, record: null, timer: { name: timer.name, at } });
  }

  /** Tells the functions that have state of this key what a control record changed for it. */
  changeConfig(key: KeyState, change: ConfigChange): void {
    const { receiveTime } = this;
    for (const placed of this.parts.functions.byName.values()) {
      if (placed.fn.kind !== "stream" || placed.fn.onConfig === undefined || !key.hasStateOf(placed.fn.name)) continue;
      const failure = this.attemptStep(() => {
        const call: CallInput = { placed, key, cause: "config", receiveTime, watermark: this.parts.watermarkOf(key) };
        this.tell(call, (fn, context) => fn.onConfig?.(change, context));
      });
      if (failure !== null) this.deadLetter(key, failure, { received: receiveTime, record: this.record });
    }
  }

  /** A dead letter of a record that did not get as far as a function. */
  refuse(record: LogRecord, name: string, error: unknown): void {
    const ids = parseDeviceKey(record.key ?? "") ?? { tenant: UNKNOWN_ID, device: UNKNOWN_ID };
    this.deadLetter(ids, { by: engineIdentity(name), error }, { received: record.timestamp, record });
  }

  emit(call: FunctionCall, topic: OutputTopic, value: object): void {
    const { placed, key, receiveTime, cause } = call.input;
    if (!placed.fn.outputs.includes(topic)) {
      throw new TypeError(`${placed.fn.name} does not name "${topic}" among its outputs`);
    }
    assertJson(value);
    const { functionVersion } = placed;
    const json = JSON.stringify(value);
    const outputKey = topic === "repartition" ? keyOfRepartitioned(call, value) : key.deviceKey;
    this.parts.outputs.push({ topic, key: outputKey, timestamp: receiveTime, functionVersion, json });
    // A loop that never ends must meet this before memory does.
    if (this.parts.outputs.stepBytes > LIMITS.stepBytesMax) throw this.failed(WHOLE_STEP, tooMuchAtOnce(this.parts));
    if (topic !== "readings") return;
    if (!isReading(value) || value.tenant !== call.tenant || value.device !== call.device) {
      throw new TypeError(`${placed.fn.name} emits a reading that is none of its device`);
    }
    // Users' functions stand side by side: each runs on what the source stage made, in whatever order they were deployed.
    if (this.parts.functions.isDeployed(placed.fn.name)) return;
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
      if (this.parts.stage.input === "readings") this.invokeAlone(input, reading, first === 0);
      else this.invoke(input, reading);
    }
  }

  /** Where functions all read the same topic they are independent: one that fails undoes and loses nothing of the others. */
  private invokeAlone(input: CallInput, reading: Reading | Repartitioned, isRecord: boolean): void {
    const failure = this.attempt(() => this.invoke(input, reading));
    if (failure === null) return;
    this.failedAlone = true;
    const record = isRecord && this.record !== null ? this.record : { value: Buffer.from(JSON.stringify(reading)) };
    // Only this function is undone, also when it made too much: a redrive must not run the others again.
    this.deadLetter(input.key, { ...failure, by: identityOf(input.placed) }, { received: input.receiveTime, record });
  }

  private fireReached(key: KeyState): void {
    const reached = this.parts.watermarkOf(key);
    const bytesMax = this.parts.outputs.stepBytes + LIMITS.timerOutputBytesPerMessageMax;
    this.timers.readings += 1;
    for (;;) {
      const timer = key.timers.peek();
      if (timer === undefined || timer.at === null || timer.at > reached) return;
      const { readings, fired } = this.timers;
      if (fired >= LIMITS.timersPerMessageMax || this.parts.outputs.stepBytes > bytesMax) {
        // Only before anything else was done with a reading can they fire first without a difference.
        if (readings === 1) this.timers.overdue = reached;
        const text = `the message reaches more timers at once than a step may fire: send its readings one by one`;
        throw this.failed(WHOLE_STEP, new RangeError(text));
      }
      this.fire(key, timer, (run) => this.attempt(run));
      this.timers.fired += 1;
    }
  }

  private invoke(input: CallInput, value: LogRecord | Reading | Repartitioned): void {
    const { fn } = input.placed;
    this.call(input, (call) => {
      if (fn.kind === "map") fn.process(value, call);
      else fn.onInput(value, call);
    });
  }

  /** For what is no input: timers and configuration, which only stream functions are told. */
  private tell(input: CallInput, run: (fn: StreamFunction, call: FunctionCall) => void): void {
    const { fn } = input.placed;
    if (fn.kind === "stream") this.call(input, (call) => run(fn, call));
  }

  private call(input: CallInput, run: (call: FunctionCall) => void): void {
    const { calls, config } = this.parts;
    try {
      calls.measured(input, () => run(new FunctionCall(this, config, input)));
    } catch (error) {
      throw this.failed(identityOf(input.placed), error);
    }
  }

  /** Remembers who threw first: a function that catches what `emit` throws must not hide the failure of the next one. */
  private failed(by: FunctionIdentity, error: unknown): unknown {
    if (!isMillraceError(error, "STATE_INVALID")) this.failure ??= { by, error };
    return error;
  }

  /** Runs a scope. When anything in it failed, undoes it and says what. Damaged state is nobody's dead letter: it ends the stage. */
  private attempt(run: () => void): StepFailure | null {
    const mark = this.parts.undo.mark();
    const outer = this.failure;
    this.failure = null;
    try {
      run();
    } catch (error) {
      if (this.failure === null) throw error;
    }
    const failure: StepFailure | null = this.failure;
    this.failure = outer;
    if (failure !== null) this.parts.undo.rollback(mark);
    return failure;
  }

  /** A scope that is a whole step: it fails too when it makes more than a commit can carry. */
  private attemptStep(run: () => void): StepFailure | null {
    return this.attempt(() => {
      run();
      if (stepBytes(this.parts) > LIMITS.stepBytesMax) throw this.failed(WHOLE_STEP, tooMuchAtOnce(this.parts));
    });
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

  private deadLetter(
    { tenant, device }: Pick<KeyState, "tenant" | "device">,
    { by, error }: StepFailure,
    what: Pick<DeadLetterInput, "received" | "record" | "timer">,
  ): void {
    const { stage, partition, outputs } = this.parts;
    this.deadLetters += 1;
    const source = { topic: stage.input, partition, offset: this.record?.offset ?? 0 };
    outputs.push(deadLetterOutput({ ...by, error, ...what, tenant, device, source }));
  }
}
