import type { Values } from "../features/feature.ts";

/** How one number of a device type behaves. Everything but hours and digits is in the metric's unit. */
export interface MetricProfile {
  readonly base: number;
  /** How far a single device's base lies from `base`, at most. */
  readonly spread: number;
  readonly dailySwing: number;
  /** Hour of the day (UTC) at which the daily curve is highest. */
  readonly peakHour: number;
  readonly driftPerDay: number;
  /** Standard deviation. */
  readonly noise: number;
  /** Height of a spike; negative where it goes down. */
  readonly spike: number;
  /** What the sensor can show at all. */
  readonly min: number;
  readonly max: number;
  readonly digits: number;
}

/** A state that is mostly `usual` and turns for a while. */
export interface StateProfile {
  readonly usual: boolean;
  readonly meanPauseMs: number;
  readonly lengthMsMin: number;
  readonly lengthMsMax: number;
}

/** One type of device: its metrics, its states, and how the states show in the metrics. */
export interface DeviceProfile {
  readonly type: string;
  readonly metrics: Readonly<Record<string, MetricProfile>>;
  readonly states: Readonly<Record<string, StateProfile>>;
  /** Changes numbers (before rounding and limits) by the states: an open door warms, a stopped pump does not flow. */
  combine(numbers: Readonly<Record<string, number>>, states: Readonly<Record<string, boolean>>): Values;
}
