import { createEpisodes } from "../episodes.ts";
import type { SignalFeature } from "./feature.ts";

const MINUTE_MS = 60_000;

/** Now and then the value leaves its range for some seconds: a door left open, a lorry passing, a bubble in the pipe. */
export const spikes: SignalFeature = (metric, { random, startAt }) => {
  const episodeAt = createEpisodes(random, {
    startAt,
    meanPauseMs: 60 * MINUTE_MS,
    lengthMsMin: 10_000,
    lengthMsMax: 40_000,
  });
  return (at) => {
    const episode = episodeAt(at);
    if (episode === null) return 0;
    const share = (at - episode.from) / (episode.to - episode.from);
    return metric.spike * (0.7 + 0.6 * episode.dice) * Math.sin(Math.PI * share);
  };
};
