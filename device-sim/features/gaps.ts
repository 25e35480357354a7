import { createEpisodes } from "../episodes.ts";
import type { DeliveryFeature, FeatureContext } from "./feature.ts";

const MINUTE_MS = 60_000;

/** The device is off or out of reach, and what it would have measured is lost. */
export function gaps({ random, startAt }: FeatureContext): DeliveryFeature {
  const episodeAt = createEpisodes(random, {
    startAt,
    meanPauseMs: 90 * MINUTE_MS,
    lengthMsMin: 30_000,
    lengthMsMax: 4 * MINUTE_MS,
  });
  return (parcels, at) => (episodeAt(at) === null ? parcels : []);
}
