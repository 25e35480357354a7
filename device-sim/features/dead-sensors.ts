import { createEpisodes } from "../episodes.ts";
import type { FeatureContext, Values, ValuesFeature } from "./feature.ts";

const MINUTE_MS = 60_000;

/** One of the device's sensors dies for a while: half of the time it repeats its last value, otherwise it is missing. */
export function deadSensors({ random, startAt }: FeatureContext): ValuesFeature {
  const episodeAt = createEpisodes(random, {
    startAt,
    meanPauseMs: 240 * MINUTE_MS,
    lengthMsMin: 5 * MINUTE_MS,
    lengthMsMax: 20 * MINUTE_MS,
  });
  let lastWhole: Values | null = null;
  return (values, at) => {
    const episode = episodeAt(at);
    if (episode === null || lastWhole === null) {
      lastWhole = values;
      return values;
    }
    const names = Object.keys(values);
    const name = names[Math.floor(episode.dice * names.length)];
    if (name === undefined) return values;
    const sticks = Math.floor(episode.dice * names.length * 2) % 2 === 0;
    const lastValue = lastWhole[name];
    if (sticks && lastValue !== undefined) return { ...values, [name]: lastValue };
    return Object.fromEntries(Object.entries(values).filter(([other]) => other !== name));
  };
}
