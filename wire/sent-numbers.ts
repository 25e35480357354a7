import { LIMITS } from "../core/limits.ts";
import { parseJson } from "../core/parse-json.ts";

/** A number that no double can hold, as it was sent: `1e999`. JSON.stringify writes it so, also where it stands within something. */
export interface HugeNumber {
  readonly rawJSON: string;
}

declare global {
  /** What Node has of "JSON.parse source text access" (ECMAScript, stage 4), and the compiler's library not yet. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): HugeNumber;
    isRawJSON(value: unknown): value is HugeNumber;
  }
}

/** Without either a number is below 1e209 * 1e99. Other texts may have one too. */
const MAY_BE_HUGE = /(?<!\d)\d{210}|\d[eE]\+?\d{3}/;

/**
 * As `parseJson`, but for numbers that it would make infinite, and JSON.stringify null: they stay as they were sent. A parser that is asked for
 * each value takes fifty times as long, so that it is asked only where there is one, and of no longer text than a reject shows: in one that is longer
 * they are infinite. `text` is of a bounded depth.
 */
export function parseSentJson(text: string): unknown {
  const parsed = parseJson(text);
  if (text.length > LIMITS.quarantinePayloadBytesMax) return parsed;
  return MAY_BE_HUGE.test(text) && holdsInfinity(parsed) ? JSON.parse(text, keepHuge) : parsed;
}

export function isHugeNumber(value: unknown): value is HugeNumber {
  return JSON.isRawJSON(value);
}

function holdsInfinity(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  return typeof value === "object" && value !== null && Object.values(value).some(holdsInfinity);
}

function keepHuge(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const isHuge = typeof value === "number" && !Number.isFinite(value) && source !== undefined;
  return isHuge ? JSON.rawJSON(source) : value;
}
