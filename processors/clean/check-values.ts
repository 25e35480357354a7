import { LIMITS } from "../../core/limits.ts";
import { isHugeNumber } from "../../wire/sent-numbers.ts";
import type { QuarantineReason } from "../../core/derived-records.ts";
import type { DeviceType, MetricDefinition } from "../../core/device-type.ts";
import type { MetricValue } from "../../core/schemas.ts";

/** Why a value, a time or a message cannot become a reading. */
export interface Refusal {
  readonly reason: QuarantineReason;
  /** A sentence with the offending value. */
  readonly detail: string;
}

const PLAIN_NAME = /^[A-Za-z0-9_.:/ -]{1,128}$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;
const SHOWN_CHARACTERS = 64;

export function checkMetricName(name: string): Refusal | null {
  // An object with a property of this name is a trap for every reader that copies it.
  if (name === "__proto__") return refusal("bad-metric-name", `"${name}" cannot be a metric's name`);
  if (PLAIN_NAME.test(name)) return null;
  if (name === "") return refusal("bad-metric-name", "a metric's name is empty");
  if (CONTROL.test(name) || !name.isWellFormed()) {
    return refusal("bad-metric-name", "a metric's name has control characters or is not Unicode");
  }
  if (Buffer.byteLength(name) <= LIMITS.metricNameBytesMax) return null;
  return refusal("bad-metric-name", `a metric's name is longer than ${LIMITS.metricNameBytesMax} bytes`);
}

/** Null when the value can stand as this metric of this type. */
export function checkMetricValue(name: string, value: unknown, type: DeviceType): Refusal | null {
  return checkMetricName(name) ?? checkByType(name, value, type);
}

/** Whether all of the metrics can stand that were read as plain JSON: such names and values are right in themselves, and so only the type is asked. */
export function canAllStand(values: Readonly<Record<string, unknown>>, type: DeviceType): boolean {
  if (type.unknownMetrics !== "quarantine" && isEmpty(type.metrics)) return true;
  for (const name in values) if (checkByType(name, values[name], type) !== null) return false;
  return true;
}

function isEmpty(object: object): boolean {
  for (const _ in object) return false;
  return true;
}

function checkByType(name: string, value: unknown, type: DeviceType): Refusal | null {
  const definition = Object.hasOwn(type.metrics, name) ? type.metrics[name] : undefined;
  if (definition === undefined && type.unknownMetrics === "quarantine") {
    return refusal("unknown-metric", `type ${type.id} has no metric "${name}"`);
  }
  switch (typeof value) {
    case "number":
      return checkNumber(name, value, definition);
    case "boolean":
      return checkKind(name, "boolean", definition);
    case "string":
      return checkText(name, value, definition);
    default:
      if (isHugeNumber(value)) return refusal("not-finite", `${name} is beyond what a number can hold`);
      return refusal("bad-value", `${name} is ${kindOf(value)}, not a number, boolean or text`);
  }
}

/** The schema of readings takes what `checkMetricValue` lets through. */
export function isMetricValue(value: unknown): value is MetricValue {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string";
}

/** The time when it can be believed, given when the message came. */
export function checkEventTime(ts: unknown, received: number): number | Refusal {
  if (typeof ts !== "number" || !Number.isSafeInteger(ts)) {
    return refusal("bad-time", `${shown(ts)} is no time: whole UTC milliseconds are expected`);
  }
  if (ts < LIMITS.eventTimeMin) {
    const seconds = ts * 1000 >= LIMITS.eventTimeMin && ts * 1000 <= received + LIMITS.eventTimeAheadMsMax;
    const hint = seconds ? "; it looks like seconds, milliseconds are expected" : "";
    return refusal("time-before-2000", `${ts} is before the year 2000${hint}`);
  }
  const aheadMs = ts - received;
  if (aheadMs <= LIMITS.eventTimeAheadMsMax) return ts;
  return refusal("time-in-future", `${ts} is ${aheadMs} ms later than the message came`);
}

function checkNumber(name: string, value: number, definition: MetricDefinition | undefined): Refusal | null {
  if (!Number.isFinite(value)) return refusal("not-finite", `${name} is beyond what a number can hold`);
  if (definition === undefined) return null;
  if (definition.kind !== "number") return wrongKind(name, "number", definition);
  const { min = -Infinity, max = Infinity } = definition;
  if (value >= min && value <= max) return null;
  return refusal("out-of-range", `${name} is ${value}, outside ${min} … ${max}`);
}

function checkText(name: string, value: string, definition: MetricDefinition | undefined): Refusal | null {
  if (!value.isWellFormed()) return refusal("bad-value", `${name} is not well-formed Unicode`);
  // A UTF-16 unit makes at most three bytes: most texts need no counting.
  if (value.length * 3 > LIMITS.textValueBytesMax && Buffer.byteLength(value) > LIMITS.textValueBytesMax) {
    return refusal("bad-value", `${name} is longer than ${LIMITS.textValueBytesMax} bytes`);
  }
  return checkKind(name, "text", definition);
}

function checkKind(
  name: string,
  kind: MetricDefinition["kind"],
  definition: MetricDefinition | undefined,
): Refusal | null {
  return definition === undefined || definition.kind === kind ? null : wrongKind(name, kind, definition);
}

function wrongKind(name: string, kind: MetricDefinition["kind"], definition: MetricDefinition): Refusal {
  return refusal("wrong-kind", `${name} is a ${kind}; its type says ${definition.kind}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : "an object";
}

function shown(value: unknown): string {
  if (isHugeNumber(value)) return value.rawJSON.slice(0, SHOWN_CHARACTERS);
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) : String(value);
  return typeof value === "object" && value !== null ? kindOf(value) : text.slice(0, SHOWN_CHARACTERS + 2);
}

function refusal(reason: QuarantineReason, detail: string): Refusal {
  return { reason, detail };
}
