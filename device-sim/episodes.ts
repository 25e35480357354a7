import type { Random } from "./random.ts";

/** A stretch of time, [from, to) in UTC ms, in which something is different. `dice` is a number in [0, 1) of its own. */
export interface Episode {
  readonly from: number;
  readonly to: number;
  readonly dice: number;
}

export interface EpisodeOptions {
  readonly startAt: number;
  /** Mean time between the end of one and the start of the next; exponential, so that they cannot be foreseen. */
  readonly meanPauseMs: number;
  readonly lengthMsMin: number;
  readonly lengthMsMax: number;
}

/** Tells which episode a time lies in. Times are asked in growing order; how often does not change the episodes. */
export function createEpisodes(random: Random, options: EpisodeOptions): (at: number) => Episode | null {
  const draw = (after: number): Episode => {
    const from = after + random.exponential(options.meanPauseMs);
    const to = from + random.between(options.lengthMsMin, options.lengthMsMax);
    return { from, to, dice: random.next() };
  };
  let episode = draw(options.startAt);
  return (at) => {
    while (at >= episode.to) episode = draw(episode.to);
    return at >= episode.from ? episode : null;
  };
}
