import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";

/** The newest value and its event time, UTC ms; null before the first. */
export const resampleSchema = z.object({ at: z.number(), value: z.number() }).nullable();
export type Resampled = z.infer<typeof resampleSchema>;

export interface ResampleOptions {
  /** Points are at the multiples of this, counted from 1970, UTC. */
  readonly everyMs: number;
  /** `linear`: on the line between the values around the point. `last`: the value before it. */
  readonly method: "linear" | "last";
  /** Nothing is made up across a longer gap. */
  readonly gapMs: number;
}

export interface ResampleStep {
  readonly state: Resampled;
  /** The points from the value before (not included unless it is the first) up to this one. */
  readonly points: readonly { readonly ts: number; readonly value: number }[];
}

/** Values at even times from values at uneven ones. Late ones are passed over. RangeError when a gap would make more points than a function may return. */
export function resample(state: Resampled, at: number, value: number, options: ResampleOptions): ResampleStep {
  const { everyMs, method, gapMs } = options;
  const next = { at, value };
  if (state === null) return { state: next, points: at % everyMs === 0 ? [{ ts: at, value }] : [] };
  if (at <= state.at) return { state, points: [] };
  const points: { ts: number; value: number }[] = [];
  const first = (Math.floor(state.at / everyMs) + 1) * everyMs;
  const bridged = at - state.at <= gapMs;
  if (bridged && (at - first) / everyMs >= LIMITS.readingsPerMessageMax) {
    throw new RangeError(
      `${at - state.at} ms are more than ${LIMITS.readingsPerMessageMax} points of ${everyMs} ms: choose a smaller gapMs`,
    );
  }
  for (let ts = first; bridged && ts < at; ts += everyMs) {
    const share = (ts - state.at) / (at - state.at);
    points.push({ ts, value: method === "last" ? state.value : between(state.value, value, share) });
  }
  if (at % everyMs === 0) points.push({ ts: at, value });
  return { state: next, points };
}

function between(from: number, to: number, share: number): number {
  const distance = to - from;
  return Number.isFinite(distance) ? from + distance * share : from * (1 - share) + to * share;
}
