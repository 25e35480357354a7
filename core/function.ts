import type { z } from "zod";
import type { AlarmRule } from "./alarm-rule.ts";
import type { DeviceType } from "./device-type.ts";
import type { OutcomeName } from "./ledger.ts";
import type { LogRecord } from "./record.ts";
import type { OutputTopic } from "./topics.ts";
import type { Reading, Repartitioned } from "./derived-records.ts";

/**
 * Functions: pure, typed, versioned. They run inside a stage, one partition at a time, in record order. No clock, randomness or
 * I/O: everything that may change a result comes through the context, which is valid only during the call.
 *
 * A function that throws makes a dead letter of its input; every state change and output of that record or timer is undone.
 */

/**
 * What a function reads: raw messages of `telemetry`, the readings that an earlier function of the stage emits, or what another stage has
 * sent to the partition of a key of its own.
 */
export interface FunctionInputs {
  readonly telemetry: LogRecord;
  readonly readings: Reading;
  readonly repartition: Repartitioned;
}
export type InputTopic = keyof FunctionInputs;

/** What selects a device, in rules and in functions. */
export interface DeviceLabels {
  /** The type's id, whether or not that type exists. */
  readonly type: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Configuration as of this position of the partition: it arrives through control records, so replay sees the same. */
export interface ConfigView {
  /** The device's type, or the default type for devices without one. */
  deviceType(tenant: string, device: string): DeviceType;
  /** Enabled rules that select the device, ordered by id. */
  alarmRules(tenant: string, device: string): readonly AlarmRule[];
  /** The row of a reference table; undefined when there is no such row or table. Any JSON, not to be changed. */
  reference(tenant: string, table: string, key: string): unknown;
  /** False once a control record has disabled or removed the device. */
  isAccepted(tenant: string, device: string): boolean;
  /** The device's type and labels as its control record names them; no type and no labels of a device without one. */
  deviceLabels(tenant: string, device: string): DeviceLabels;
}

export interface CallContext {
  readonly tenant: string;
  readonly device: string;
  /** Receive time of the input, UTC ms; for a timer, partition time R. */
  readonly receiveTime: number;
  /**
   * The device's watermark, UTC ms, before this input: newest event time − outOfOrder, or what a flush has set. -Infinity before
   * the first reading. In a timer it is the timer's time: silence fires timers, but does not by itself make a reading late.
   */
  readonly watermark: number;
  readonly config: ConfigView;
  /** Appends a record to a derived topic, keyed by the device. `readings` also go on to the stage's next functions, at once. */
  emit(topic: OutputTopic, value: object): void;
  /** Adds to this device's ledger counts. */
  count(outcome: OutcomeName, by?: number): void;
}

/** Named state slots of this function and device. Values are JSON and immutable, unless `changed` is told: set a new one instead of changing the old. */
export interface StateSlots<Value> {
  get(name: string): Value | undefined;
  set(name: string, value: Value): void;
  /**
   * For what changes a large value with every reading: it was changed in place, and is still JSON of about the same size. `before` is as it was, a
   * copy that nothing else holds: it comes back when the step fails. To be called before anything can throw.
   */
  changed(name: string, before: Value): void;
  delete(name: string): void;
  /** Names in byte order. */
  names(): readonly string[];
}

/** Timers of this function and device, by name. A timer at T fires once, when the device's watermark reaches T. */
export interface Timers {
  set(name: string, at: number): void;
  clear(name: string): void;
}

export interface KnownTimers extends Timers {
  /** When the timer fires; null when it is not set. */
  timeOf(name: string): number | null;
}

/** What is left to a function whose call on a timer has failed. */
export type FailedTimerContext<Value> = Omit<StreamContext<Value>, "emit" | "count">;

export interface StreamContext<Value> extends CallContext {
  readonly state: StateSlots<Value>;
  readonly timers: KnownTimers;
}

/** What a control record changed for a device that the function has state for. */
export type ConfigChange = "rules" | "type" | "device-removed";

export interface MapFunction<In extends InputTopic = InputTopic> {
  readonly kind: "map";
  readonly name: string;
  readonly version: number;
  readonly input: In;
  readonly outputs: readonly OutputTopic[];
  /** What reads the records that it emits to `repartition`, in the stage that reads that topic. */
  readonly behind?: StreamFunction<"repartition">;
  process(input: FunctionInputs[In], context: CallContext): void;
}

export interface StreamFunction<In extends InputTopic = InputTopic, Value = unknown> {
  readonly kind: "stream";
  readonly name: string;
  readonly version: number;
  readonly input: In;
  readonly outputs: readonly OutputTopic[];
  /** Shape of one state slot; checked when state is restored. */
  readonly state: z.ZodType<Value>;
  /** Of a function that reads `repartition`: how the time of each of its two sides runs. */
  readonly sides?: Pick<DeviceType, "outOfOrderMs" | "idleMs">;
  onInput(input: FunctionInputs[In], context: StreamContext<Value>): void;
  onTimer?(name: string, at: number, context: StreamContext<Value>): void;
  /**
   * Called when `onTimer` has thrown, or a verdict stands on its call: all that it did is undone, and the timer is gone. What was to be let go with
   * the timer is to be let go here, or with a later one. It runs nothing that can throw: what it then does is undone, and nobody is told.
   */
  onTimerFailed?(name: string, at: number, context: FailedTimerContext<Value>): void;
  /** Called per device with state of this function, in key-byte order, when a control record changed what applies to it. */
  onConfig?(change: ConfigChange, context: StreamContext<Value>): void;
}

export type StageFunction = MapFunction | StreamFunction;

/** A stateless function: record in, records out. */
export function defineMap<In extends InputTopic>(definition: Omit<MapFunction<In>, "kind">): MapFunction<In> {
  return Object.freeze({ kind: "map", ...definition });
}

/** A keyed function with state and timers. Windowed folds are built on it: see engine/windows/window-fold.ts. */
export function defineStream<In extends InputTopic, Value>(
  definition: Omit<StreamFunction<In, Value>, "kind">,
): StreamFunction<In, Value> {
  return Object.freeze({ kind: "stream", ...definition });
}
