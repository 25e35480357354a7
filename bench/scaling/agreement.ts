import { streamArrivals } from "./arrivals.ts";
import { simulateInstallation, type Seen } from "./simulate-installation.ts";
import { expectedOf, stationsOf, type Expected } from "./stations.ts";
import type { Installation } from "./installation.ts";

/** How far model and simulation may be apart: shares of what the model says. */
export const TOLERANCE = { utilisation: 0.05, lag: 0.15 } as const;

export interface Compared {
  readonly expected: Expected;
  readonly seen: Seen;
  readonly agrees: boolean;
}

/** The model beside the simulation of the same installation. `played`: what is simulated instead, to see that a wrong model is told. */
export function compareWithSimulation(
  installation: Installation,
  { seed = 1, seconds = 30, played = installation } = {},
): readonly Compared[] {
  const stations = stationsOf(played);
  const { peakPerSecond, gateways } = played;
  const seen = simulateInstallation({
    stations,
    arrivals: (gateway) => streamArrivals(peakPerSecond / gateways, seed * 1000 + gateway),
    seconds,
    warmUpSeconds: seconds / 3,
    seed,
  });
  return stationsOf(installation).flatMap((kind) => {
    const one = seen.find(({ role }) => role === kind.role);
    return one === undefined ? [] : [compare(expectedOf(kind, installation.peakPerSecond), one)];
  });
}

function compare(expected: Expected, seen: Seen): Compared {
  const agrees =
    Math.abs(seen.utilisation - expected.utilisation) <= TOLERANCE.utilisation * expected.utilisation &&
    Math.abs(seen.lagSeconds - expected.lagSeconds) <= TOLERANCE.lag * expected.lagSeconds;
  return { expected, seen, agrees };
}
