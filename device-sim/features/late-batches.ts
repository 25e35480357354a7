import { LIMITS } from "../../core/limits.ts";
import { createEpisodes } from "../episodes.ts";
import type { DeliveryFeature, FeatureContext, SimulatedReading } from "./feature.ts";

const MINUTE_MS = 60_000;
const READINGS_PER_MESSAGE = 50;

/** The device measures but has no link; once it is back it sends what it held, oldest first, in arrays. */
export function lateBatches({ random, startAt }: FeatureContext): DeliveryFeature {
  const episodeAt = createEpisodes(random, {
    startAt,
    meanPauseMs: 60 * MINUTE_MS,
    lengthMsMin: 20_000,
    lengthMsMax: 2 * MINUTE_MS,
  });
  let held: SimulatedReading[] = [];
  return (parcels, at) => {
    if (episodeAt(at) !== null) {
      held = [...held, ...parcels.flat()].slice(-LIMITS.simulatorHeldReadingsMax);
      return [];
    }
    if (held.length === 0) return parcels;
    const backlog = held;
    held = [];
    const batches: SimulatedReading[][] = [];
    for (let i = 0; i < backlog.length; i += READINGS_PER_MESSAGE) {
      batches.push(backlog.slice(i, i + READINGS_PER_MESSAGE));
    }
    return [...batches, ...parcels];
  };
}
