import type { AlarmRule } from "../core/alarm-rule.ts";
import type { DeviceType } from "../core/device-type.ts";
import type { Reading } from "../core/derived-records.ts";
import type {
  CallContext,
  ConfigView,
  DeviceLabels,
  StageFunction,
  StateSlots,
  StreamContext,
  KnownTimers,
} from "../core/function.ts";
import type { OutcomeName } from "../core/ledger.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { WrittenJson } from "../wire/written-json.ts";
import type { DeviceConfig, StageConfig } from "./stage-config.ts";
import type { KeyState } from "./key-state.ts";
import type { FunctionState } from "./function-state.ts";

/** A function in its place within the stage. */
export interface PlacedFunction {
  readonly index: number;
  readonly fn: StageFunction;
  /** `name@version`. */
  readonly functionVersion: string;
  /** Under which its state stands. */
  readonly stateName: string;
  /** What runs beside it. */
  readonly canary: PlacedCanary | null;
}

/** A version on its way to be the function's: see canary-calls.ts. */
export interface PlacedCanary {
  readonly placed: PlacedFunction;
  /** Whether it runs for this key. */
  takes(key: KeyState): boolean;
}

/** Who carries out what a function asks for, and by which configuration. */
export interface CallSite {
  readonly config: StageConfig;
  emit(call: FunctionCall, topic: OutputTopic, value: object): void;
  emitWritten(call: FunctionCall, topic: OutputTopic, json: WrittenJson, reading: Reading | null): void;
  count(call: FunctionCall, outcome: OutcomeName, by: number): void;
}

/** Which function is called, for whom and why. */
export interface CallInput {
  readonly placed: PlacedFunction;
  readonly key: KeyState;
  readonly cause: "input" | "timer" | "config";
  readonly receiveTime: number;
  /** For a timer, its time: the watermark has just reached it. */
  readonly watermark: number;
}

/** One call of a function, and the context that it gets: made for it and of no use afterwards. A message makes four, so that it holds no more than it must. */
export class FunctionCall implements CallInput, StreamContext<unknown>, KnownTimers, ConfigView {
  readonly placed: PlacedFunction;
  readonly key: KeyState;
  readonly cause: CallInput["cause"];
  readonly receiveTime: number;
  readonly watermark: number;
  private readonly site: CallSite;

  constructor(site: CallSite, { placed, key, cause, receiveTime, watermark }: CallInput) {
    this.placed = placed;
    this.key = key;
    this.cause = cause;
    this.receiveTime = receiveTime;
    this.watermark = watermark;
    this.site = site;
  }

  /** The same call of another version. */
  ofVersion(placed: PlacedFunction): FunctionCall {
    const { site, key, cause, receiveTime, watermark } = this;
    return new FunctionCall(site, { placed, key, cause, receiveTime, watermark });
  }

  get tenant(): string {
    return this.key.tenant;
  }

  get device(): string {
    return this.key.device;
  }

  get state(): StateSlots<unknown> {
    return this.slots;
  }

  /** Asked for only by functions that keep something. */
  private get slots(): FunctionState {
    return this.key.functionState(this.placed.stateName);
  }

  get timers(): KnownTimers {
    return this;
  }

  get config(): ConfigView {
    return this;
  }

  deviceType(tenant: string, device: string): DeviceType {
    return this.isOwn(tenant, device) ? this.ownConfig().type : this.site.config.deviceType(tenant, device);
  }

  alarmRules(tenant: string, device: string): readonly AlarmRule[] {
    return this.isOwn(tenant, device) ? this.ownConfig().rules : this.site.config.alarmRules(tenant, device);
  }

  reference(tenant: string, table: string, key: string): unknown {
    return this.site.config.reference(tenant, table, key);
  }

  isAccepted(tenant: string, device: string): boolean {
    return this.isOwn(tenant, device) ? this.ownConfig().accepted : this.site.config.isAccepted(tenant, device);
  }

  deviceLabels(tenant: string, device: string): DeviceLabels {
    return this.isOwn(tenant, device) ? this.ownConfig().labels : this.site.config.deviceLabels(tenant, device);
  }

  emit(topic: OutputTopic, value: object): void {
    this.site.emit(this, topic, value);
  }

  /** See `emitWritten`. */
  emitWritten(topic: OutputTopic, json: WrittenJson, reading: Reading | null): void {
    this.site.emitWritten(this, topic, json, reading);
  }

  count(outcome: OutcomeName, by = 1): void {
    this.site.count(this, outcome, by);
  }

  set(name: string, at: number): void {
    if (!Number.isSafeInteger(at)) throw new RangeError(`timer "${name}" needs a time in ms, not ${at}`);
    if (!this.slots.answersTimers) throw new TypeError(`${this.slots.name} sets a timer but has no onTimer`);
    // Else a timer that sets itself again would keep the stage in this step for ever.
    if (this.cause === "timer" && at <= this.watermark) {
      throw new RangeError(`a timer at ${this.watermark} may only set later ones, not "${name}" at ${at}`);
    }
    this.slots.timerOf(name).set(at);
  }

  timeOf(name: string): number | null {
    return this.slots.timers.get(name)?.at ?? null;
  }

  clear(name: string): void {
    this.slots.timers.get(name)?.set(null);
  }

  /** Nearly every question is about the call's own device, whose key need not be looked up. */
  private isOwn(tenant: string, device: string): boolean {
    return device === this.device && tenant === this.tenant;
  }

  private ownConfig(): DeviceConfig {
    return this.site.config.of(this.key);
  }
}

/**
 * For the stock functions, whose outputs are as many as messages: emits what writes itself. It must be what the topic holds: nobody checks it. A reading is
 * given as an object too, for the functions behind this one.
 */
export function emitWritten(
  context: CallContext,
  topic: OutputTopic,
  json: WrittenJson,
  reading: Reading | null = null,
): void {
  if (!(context instanceof FunctionCall))
    throw new TypeError("what writes itself is emitted in a call of the engine's only");
  context.emitWritten(topic, json, reading);
}
