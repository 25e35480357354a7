import type { MetricProfile } from "../profiles/profile.ts";
import type { Random } from "../random.ts";

/** Everything believable that can be switched. `demo` is the story that a first look is shown: see demo-story.ts. */
export const FEATURES = [
  "dailyCurve",
  "drift",
  "noise",
  "spikes",
  "deadSensors",
  "gaps",
  "lateBatches",
  "duplicates",
  "demo",
] as const;
export type FeatureName = (typeof FEATURES)[number];
export type FleetFeatures = Readonly<Record<FeatureName, boolean>>;

export function allFeatures(on: boolean): FleetFeatures {
  return {
    dailyCurve: on,
    drift: on,
    noise: on,
    spikes: on,
    deadSensors: on,
    gaps: on,
    lateBatches: on,
    duplicates: on,
    demo: on,
  };
}

export interface FeatureContext {
  readonly random: Random;
  /** When the fleet's time begins, UTC ms. */
  readonly startAt: number;
}

/** What a feature adds to a metric at `at` (UTC ms, asked in growing order), in the metric's unit. */
export type Signal = (at: number) => number;
export type SignalFeature = (metric: MetricProfile, context: FeatureContext) => Signal;

export type Values = Readonly<Record<string, number | boolean>>;

/** What a feature makes of one reading's values. */
export type ValuesFeature = (values: Values, at: number) => Values;

/** One reading as a device would send it. */
export interface SimulatedReading {
  readonly ts: number;
  readonly values: Values;
}

/** What one MQTT message carries: one reading, or several that were held back. */
export type Parcel = readonly SimulatedReading[];

/** What a feature makes of the messages that leave at `at`: fewer, more, later. */
export type DeliveryFeature = (parcels: readonly Parcel[], at: number) => readonly Parcel[];
