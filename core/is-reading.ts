import { isId } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import type { Reading } from "./derived-records.ts";

/**
 * What `readingSchema` says of a JSON value, for the paths of every reading: the schema costs several times the parsing. A metric of the
 * name `__proto__`, over which the schema passes without a word, is refused here.
 */
export function isReading(value: unknown): value is Reading {
  if (!isObject(value)) return false;
  const { v, tenant, device, ts, received, tsFromReceive, revision, metrics } = value;
  return (
    v === 1 &&
    isId(tenant) &&
    isId(device) &&
    isTime(ts) &&
    isTime(received) &&
    (tsFromReceive === undefined || typeof tsFromReceive === "boolean") &&
    (revision === undefined || (isTime(revision) && revision !== 0)) &&
    isObject(metrics) &&
    holdsMetrics(metrics)
  );
}

function holdsMetrics(metrics: Readonly<Record<string, unknown>>): boolean {
  for (const name in metrics) {
    if (name === "" || name.length > LIMITS.metricNameBytesMax || name === "__proto__") return false;
    const value = metrics[name];
    const type = typeof value;
    if (type !== "string" && type !== "boolean" && !Number.isFinite(value)) return false;
  }
  return true;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
