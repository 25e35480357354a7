import { definitionError } from "./definition-error.ts";
import type { z } from "zod";
import type { DeviceType } from "../core/device-type.ts";
import type { Timers } from "../core/function.ts";
import type { MetricValue } from "../core/schemas.ts";

/** Which devices a function is for: those of this type with all of these labels. */
export interface DeviceSelect {
  readonly type?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A reading with the metrics that the function's `input` names. Times are UTC ms. */
export interface FunctionReading<Metrics> {
  readonly tenant: string;
  readonly device: string;
  /** Event time. */
  readonly ts: number;
  /** Receive time. */
  readonly received: number;
  readonly metrics: Metrics;
}

/** Metrics that a function makes. One that is undefined is left out. */
export type ResultMetrics = Readonly<Record<string, MetricValue | undefined>>;

/** A derived reading of the same device at a time of its own, not after the reading that it is made of. */
export interface TimedMetrics {
  readonly ts: number;
  readonly metrics: ResultMetrics;
}

/** Metrics of a derived reading of the same time, or derived readings with times, or nothing. */
export type FunctionResult = ResultMetrics | readonly TimedMetrics[] | undefined | void;

/** What a function may ask for. Valid during the call only. There is no clock: time is event time. */
export interface FunctionContext {
  readonly tenant: string;
  readonly device: string;
  /** Event time of the reading, UTC ms; in a timer the timer's time; of a window its last ms. */
  readonly ts: number;
  /** When the reading was received, UTC ms; in a timer the newest receive time of the partition. */
  readonly receivedTime: number;
  /** Up to here event time has come for this device, UTC ms; -Infinity before its first reading. Older readings are late. */
  readonly watermark: number;
  /** The device's type, or the default type. */
  readonly config: DeviceType;
  /** The device's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** The row of a reference table, as the log has it at this place; undefined when there is none. Not to be changed. */
  reference(table: string, key: string): unknown;
  /** In [0, 1). The same call gets the same numbers, also when it is repeated: made of function, device, times. */
  random(): number;
  /** Writes a device event. */
  event(detail: string): void;
}

/** With timers of the device: one at T fires once, when the watermark reaches T. */
export interface StreamFunctionContext extends FunctionContext {
  readonly timers: Timers;
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** Checks what every definition has. FUNCTION_INVALID. */
export function checkDefinition(definition: {
  readonly name: string;
  readonly input: unknown;
  readonly select?: DeviceSelect;
}): void {
  const { name, input } = definition;
  if (typeof name !== "string" || !NAME.test(name)) {
    const fault = "its name must be a lower-case letter and up to 62 more of a–z, 0–9 and -";
    throw definitionError(typeof name === "string" ? name : typeof name, fault, 'choose a name such as "dew-point"');
  }
  if (!isSchema(input)) {
    const remedy = 'write input: z.object({ temperature: z.number() }) with z of "millrace/function"';
    throw definitionError(name, "input is no zod schema", remedy);
  }
}

/** FUNCTION_INVALID unless it is there and synchronous. */
export function checkCallback(fn: string, what: string, callback: unknown): void {
  if (typeof callback !== "function") throw definitionError(fn, `${what} is no function`, `define ${what}`);
  if (Object.prototype.toString.call(callback) === "[object AsyncFunction]") {
    const remedy = "make it synchronous; what must call out (HTTP, a database) is no function but a sink";
    throw definitionError(fn, `${what} is async`, remedy);
  }
}

/** FUNCTION_INVALID for a version that is none, or that nobody leads to. */
export function checkVersion(fn: string, stateVersion: number, migrate: unknown): void {
  if (migrate !== undefined) checkCallback(fn, "migrate", migrate);
  if (!Number.isSafeInteger(stateVersion) || stateVersion < 1) {
    throw definitionError(fn, `stateVersion is ${stateVersion}`, "count it 1, 2, 3, …");
  }
  if (stateVersion > 1 && migrate === undefined) {
    const remedy = "say what becomes of what devices have: migrate: (old, fromVersion) => ...";
    throw definitionError(fn, `stateVersion is ${stateVersion}, but there is no migrate()`, remedy);
  }
}

export function isSchema(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}
