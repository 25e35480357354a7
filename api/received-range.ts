import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { ApiOptions } from "./api-options.ts";

/** All that is kept, unless told otherwise: nobody knows beforehand when something went wrong. Other threads' clocks may be ahead. */
export function receivedRange(
  from = 0,
  until: number | undefined,
  { clock }: Pick<ApiOptions, "clock">,
): { from: number; to: number } {
  const to = until ?? clock.now() + LIMITS.eventTimeAheadMsMax;
  if (from < to) return { from, to };
  throw new MillraceError("INVALID_INPUT", `\`from\` (${from}) must be before \`to\` (${to}).`);
}
