import { definitionError } from "./definition-error.ts";

const UNITS_MS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS_MS;

/** A length of time: "10s", "5min", "1h", "30d", or a number of ms. */
export type Duration = number | `${number}${Unit}`;

const TEXT = /^(\d+(?:\.\d+)?)(ms|s|min|h|d)$/;

/** In ms; FUNCTION_INVALID for what is no positive whole number of them. `what` names the field. */
export function durationMs(fn: string, what: string, duration: Duration): number {
  const ms = typeof duration === "number" ? duration : textMs(duration);
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  const fault = `${what} is ${JSON.stringify(duration)}, which is no length of time`;
  throw definitionError(fn, fault, 'write a number with ms, s, min, h or d behind it ("90s", "15min"), or whole ms');
}

function textMs(text: string): number {
  const [, number, unit] = TEXT.exec(text) ?? [];
  const ms = isUnit(unit) ? Number(number) * UNITS_MS[unit] : NaN;
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : NaN;
}

function isUnit(text: string | undefined): text is Unit {
  return text !== undefined && Object.hasOwn(UNITS_MS, text);
}
