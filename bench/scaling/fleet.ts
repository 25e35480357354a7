import { LIMITS } from "../../core/limits.ts";

const DAY_SECONDS = 86_400;

/** A fleet and how it is to be run: what the model assumes and nobody has measured. */
export interface Fleet {
  readonly devices: number;
  /** Between two messages of a device. */
  readonly intervalSeconds: number;
  readonly metrics: number;
  /** The busiest quarter of an hour over the mean of the day. */
  readonly peakFactor: number;
  /** Messages that users' functions read besides stage `main`: 1 is all of them, once. */
  readonly functionShare: number;
  /** Questions of dashboards per second, for each 10,000 devices. */
  readonly questionsPerSecond: number;
  /** How busy a thread may be at the peak. */
  readonly utilisation: number;
  /** Of processors, and of functions. */
  readonly threadsPerPod: number;
  readonly replication: number;
  readonly clickhouseReplicas: number;
  readonly logDays: number;
  readonly historyDays: number;
}

export const FLEET: Fleet = {
  devices: 1_000_000,
  intervalSeconds: 60,
  metrics: 6,
  peakFactor: 1.5,
  functionShare: 1,
  questionsPerSecond: 0.2,
  utilisation: 0.6,
  threadsPerPod: 4,
  replication: 3,
  clickhouseReplicas: 2,
  logDays: LIMITS.logRetentionMsDefault / 1000 / DAY_SECONDS,
  historyDays: 90,
};

export const FLEET_SIZES = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000] as const;
/** The steps that are held against the simulation. */
export const SIMULATED_SIZES = [1_000_000, 10_000_000, 100_000_000] as const;

export function meanRate({ devices, intervalSeconds }: Fleet): number {
  return devices / intervalSeconds;
}

export function peakRate(fleet: Fleet): number {
  return meanRate(fleet) * fleet.peakFactor;
}
