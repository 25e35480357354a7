import type { AlarmRule } from "../core/alarm-rule.ts";
import type { DeviceType } from "../core/device-type.ts";
import type {
  ConfigView,
  DeviceLabels,
  StageFunction,
  StateSlots,
  StreamContext,
  KnownTimers,
} from "../core/function.ts";
import type { OutcomeName } from "../core/ledger.ts";
import type { OutputTopic } from "../core/topics.ts";
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

/** Who carries out what a function asks for. */
export interface CallSite {
  emit(call: FunctionCall, topic: OutputTopic, value: object): void;
  count(call: FunctionCall, outcome: OutcomeName, by: number): void;
}

export interface CallInput {
  readonly placed: PlacedFunction;
  readonly key: KeyState;
  readonly cause: "input" | "timer" | "config";
  readonly receiveTime: number;
  /** For a timer, its time: the watermark has just reached it. */
  readonly watermark: number;
}

/** The context of one call of a function, made for it and of no use afterwards. */
export class FunctionCall implements StreamContext<unknown>, KnownTimers, ConfigView {
  readonly tenant: string;
  readonly device: string;
  readonly receiveTime: number;
  readonly watermark: number;
  readonly input: CallInput;
  private readonly site: CallSite;
  private readonly stageConfig: StageConfig;

  constructor(site: CallSite, config: StageConfig, input: CallInput) {
    const { key } = input;
    this.site = site;
    this.stageConfig = config;
    this.input = input;
    this.tenant = key.tenant;
    this.device = key.device;
    this.receiveTime = input.receiveTime;
    this.watermark = input.watermark;
  }

  get state(): StateSlots<unknown> {
    return this.slots;
  }

  /** Asked for only by functions that keep something. */
  private get slots(): FunctionState {
    return this.input.key.functionState(this.input.placed.stateName);
  }

  get timers(): KnownTimers {
    return this;
  }

  get config(): ConfigView {
    return this;
  }

  deviceType(tenant: string, device: string): DeviceType {
    return this.isOwn(tenant, device) ? this.ownConfig().type : this.stageConfig.deviceType(tenant, device);
  }

  alarmRules(tenant: string, device: string): readonly AlarmRule[] {
    return this.isOwn(tenant, device) ? this.ownConfig().rules : this.stageConfig.alarmRules(tenant, device);
  }

  reference(tenant: string, table: string, key: string): unknown {
    return this.stageConfig.reference(tenant, table, key);
  }

  isAccepted(tenant: string, device: string): boolean {
    return this.isOwn(tenant, device) ? this.ownConfig().accepted : this.stageConfig.isAccepted(tenant, device);
  }

  deviceLabels(tenant: string, device: string): DeviceLabels {
    return this.isOwn(tenant, device) ? this.ownConfig().labels : this.stageConfig.deviceLabels(tenant, device);
  }

  emit(topic: OutputTopic, value: object): void {
    this.site.emit(this, topic, value);
  }

  count(outcome: OutcomeName, by = 1): void {
    this.site.count(this, outcome, by);
  }

  set(name: string, at: number): void {
    if (!Number.isSafeInteger(at)) throw new RangeError(`timer "${name}" needs a time in ms, not ${at}`);
    if (!this.slots.answersTimers) throw new TypeError(`${this.slots.name} sets a timer but has no onTimer`);
    // Else a timer that sets itself again would keep the stage in this step for ever.
    if (this.input.cause === "timer" && at <= this.watermark) {
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
    return this.stageConfig.of(this.input.key);
  }
}
