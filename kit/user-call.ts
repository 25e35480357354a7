import { frozen } from "../core/frozen.ts";
import { LIMITS } from "../core/limits.ts";
import { seededRandom } from "./seeded-random.ts";
import type { DeviceType } from "../core/device-type.ts";
import type { DeviceEvent, Reading } from "../core/derived-records.ts";
import type { CallContext, Timers } from "../core/function.ts";
import type { MetricValue } from "../core/schemas.ts";
import type { FunctionResult, ResultMetrics, StreamFunctionContext } from "./definition.ts";

const NO_TIMERS: Timers = {
  set: () => refuseTimers(),
  clear: () => refuseTimers(),
};

function refuseTimers(): never {
  throw new TypeError("there are no timers here: only a defineStream with onTimer() has them");
}

/** One call of a user's code: what it is about, and what it may ask for. */
export class UserCall implements StreamFunctionContext {
  readonly fn: string;
  readonly ts: number;
  readonly timers: Timers;
  private readonly call: CallContext;
  private next: (() => number) | null = null;
  private events = 0;

  constructor(fn: string, ts: number, call: CallContext, timers = NO_TIMERS) {
    this.fn = fn;
    this.ts = ts;
    this.timers = timers;
    this.call = call;
  }

  get tenant(): string {
    return this.call.tenant;
  }

  get device(): string {
    return this.call.device;
  }

  get receivedTime(): number {
    return this.call.receiveTime;
  }

  get watermark(): number {
    return this.call.watermark;
  }

  get config(): DeviceType {
    return this.call.config.deviceType(this.call.tenant, this.call.device);
  }

  get labels(): Readonly<Record<string, string>> {
    return this.call.config.deviceLabels(this.call.tenant, this.call.device).labels;
  }

  reference(table: string, key: string): unknown {
    return frozen(this.call.config.reference(this.call.tenant, table, key));
  }

  random(): number {
    const { tenant, device, receiveTime } = this.call;
    this.next ??= seededRandom(`${this.fn} ${tenant}/${device} ${this.ts} ${receiveTime}`);
    return this.next();
  }

  event(detail: string): void {
    if (typeof detail !== "string") throw new TypeError(`${this.fn}: event() takes a text, not ${typeof detail}`);
    this.events += 1;
    if (this.events > LIMITS.eventsPerCallMax) throw tooManyEvents(this.fn);
    const { tenant, device, receiveTime: received } = this.call;
    const text = detail.slice(0, LIMITS.functionEventCharactersMax).toWellFormed();
    const event: DeviceEvent = { v: 1, tenant, device, kind: "function", ts: this.ts, received, detail: text };
    this.call.emit("device-events", event);
  }

  /** Emits what the user's code has returned, as readings of the device. */
  emitResult(result: FunctionResult): void {
    if (result === undefined) return;
    if (typeof result !== "object" || result === null) throw wrongResult(this.fn, result);
    if (!isList(result)) {
      this.emitMetrics(this.ts, result);
      return;
    }
    if (result.length > LIMITS.readingsPerMessageMax) {
      const fault = `returns ${result.length} readings at once; ${LIMITS.readingsPerMessageMax} are allowed`;
      throw new RangeError(`${this.fn} ${fault}: return fewer, or emit them with later readings`);
    }
    for (const one of result) {
      if (typeof one !== "object" || one === null || !("ts" in one)) throw wrongResult(this.fn, one);
      this.checkTime(one.ts);
      this.emitMetrics(one.ts, one.metrics);
    }
  }

  emitReading(ts: number, metrics: Record<string, MetricValue>): void {
    const { tenant, device, receiveTime: received } = this.call;
    const reading: Reading = { v: 1, tenant, device, ts, received, metrics };
    this.call.emit("readings", reading);
  }

  /** Emits one reading of the call's own time. */
  emitWhole(result: ResultMetrics | undefined | void): void {
    if (result !== undefined) this.emitMetrics(this.ts, result);
  }

  private emitMetrics(ts: number, result: ResultMetrics): void {
    const metrics = this.metricsOf(result);
    if (metrics !== null) this.emitReading(ts, metrics);
  }

  /** The metrics that can stand in a reading; null when there are none. TypeError for what is no result. */
  metricsOf(result: ResultMetrics | undefined | void): Record<string, MetricValue> | null {
    if (result === undefined) return null;
    refusePromise(this.fn, result);
    if (typeof result !== "object" || result === null || Array.isArray(result)) throw wrongResult(this.fn, result);
    const metrics: Record<string, MetricValue> = {};
    let count = 0;
    for (const name in result) {
      const value = result[name];
      if (value === undefined) continue;
      const fault = metricFault(name, value);
      if (fault !== null) throw new TypeError(`${this.fn} returns the metric ${JSON.stringify(name)} ${fault}`);
      metrics[name] = value;
      count += 1;
    }
    if (count > LIMITS.metricsPerReadingMax) {
      const fault = `returns ${count} metrics in one reading; ${LIMITS.metricsPerReadingMax} are allowed`;
      throw new RangeError(`${this.fn} ${fault}: return the rest as another reading`);
    }
    return count === 0 ? null : metrics;
  }

  /** Time of the device would run ahead with a reading from the future, and make late what comes after it. */
  private checkTime(ts: unknown): void {
    if (typeof ts === "number" && Number.isSafeInteger(ts) && ts >= LIMITS.eventTimeMin && ts <= this.ts) return;
    const fault = `returns a reading at ${String(ts)}, which is no time in ms from 2000 to ${this.ts}`;
    throw new RangeError(`${this.fn} ${fault}: a derived reading is not newer than what it is made of`);
  }
}

/** A promise would settle after the record is done: what it does is lost, or differs from run to run. */
export function refusePromise(fn: string, result: unknown): void {
  if (typeof result !== "object" || result === null || !("then" in result) || typeof result.then !== "function") return;
  // Nobody waits for it; without this its rejection would end the process.
  Promise.resolve(result).catch(() => undefined);
  throw new TypeError(`${fn} returns a promise: functions are synchronous. Move what must call out into a sink`);
}

function tooManyEvents(fn: string): RangeError {
  const fault = `writes more than ${LIMITS.eventsPerCallMax} device events in one call`;
  return new RangeError(`${fn} ${fault}: write one that sums them up, or return what is measured as metrics`);
}

function metricFault(name: string, value: unknown): string | null {
  if (name === "" || name.length > LIMITS.metricNameBytesMax || name === "__proto__") {
    return `whose name is not 1–${LIMITS.metricNameBytesMax} characters long`;
  }
  switch (typeof value) {
    case "boolean":
      return null;
    case "number":
      return Number.isFinite(value) ? null : `= ${value}: only finite numbers can be stored; leave it out instead`;
    case "string":
      return value.length <= LIMITS.textValueBytesMax ? null : `of more than ${LIMITS.textValueBytesMax} characters`;
    default:
      return `of type ${typeof value}: a metric is a number, a boolean or a text`;
  }
}

function wrongResult(fn: string, result: unknown): TypeError {
  const what = result === null ? "null" : `a value of type ${typeof result}`;
  return new TypeError(`${fn} returns ${what}: return an object of metrics, a list of { ts, metrics }, or nothing`);
}

function isList<Item>(value: object | readonly Item[]): value is readonly Item[] {
  return Array.isArray(value);
}
