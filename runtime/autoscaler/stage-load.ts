import { LIMITS } from "../../core/limits.ts";
import type { PartitionSample, ScalingInput, ScalingState, StageSample } from "./scaling-types.ts";

export interface PartitionLoad {
  readonly lag: number;
  /** Records per second, over the window. */
  readonly arrivals: number;
  /** Of the latest interval only. */
  readonly latestArrivals: number;
}

/** What the samples say of a stage. */
export interface StageLoad {
  readonly partitions: readonly PartitionLoad[];
  readonly lag: number;
  /** Records per second that were processed, since the replicas have settled. */
  readonly throughput: number;
  /** Records per second of one replica that always has something to do; null before anything was processed. */
  readonly rate: number | null;
  /** The same by the time of work alone: of a replica that waits for nobody. */
  readonly busyRate: number | null;
  /** True when replicas that always had something to do did clearly less than they can; null while no such ones were watched. */
  readonly isHeldUp: boolean | null;
  /** How long nothing has been processed though there was something, ms. */
  readonly stalledMs: number;
}

interface WholeSample extends StageSample {
  readonly partitions: readonly PartitionSample[];
}

/** True when every partition was measured. */
export function isWhole(sample: StageSample): sample is WholeSample {
  return sample.partitions.every((partition) => partition !== null);
}

/** The state with one more sample. One that is not newer than the last is not taken twice. */
export function observe(state: ScalingState, sample: StageSample): ScalingState {
  const last = state.samples.at(-1);
  if (last !== undefined && sample.at <= last.at) return state;
  const samples = [...state.samples, sample]
    .filter(({ at }, index, all) => at >= sample.at - LIMITS.autoscaleWindowMs || index >= all.length - 2)
    .slice(-LIMITS.autoscaleSamplesMax);
  return { ...state, samples, work: last === undefined ? state.work : workAfter(state.work, last, sample) };
}

function workAfter(work: ScalingState["work"], last: StageSample, sample: StageSample): ScalingState["work"] {
  if (!isWhole(last) || !isWhole(sample) || last.busySeconds === null || sample.busySeconds === null) return work;
  const busySeconds = sample.busySeconds - last.busySeconds;
  const records = processedBetween(last, sample, everyPartition);
  // Counters of threads that ended are gone: less than before says nothing.
  if (busySeconds <= 0 || records <= 0) return work;
  const kept = Math.exp(-(sample.at - last.at) / LIMITS.autoscaleRateMemoryMs);
  return {
    records: (work?.records ?? 0) * kept + records,
    busySeconds: (work?.busySeconds ?? 0) * kept + busySeconds,
  };
}

/**
 * Null with fewer than two whole samples. The rate is Flink's (apache/flink-kubernetes-operator, ScalingMetricEvaluator.computeTrueProcessingRate):
 * records per second of work, or what was observed where there was always something to do, when that is clearly less: a replica that waits
 * for a sink seems quicker than it is.
 */
export function loadOf({ samples, work, change }: ScalingState, { replicas, ready }: ScalingInput): StageLoad | null {
  const known = samples.filter(isWhole);
  const [first, before, last] = [known[0], known.at(-2), known.at(-1)];
  if (first === undefined || before === undefined || last === undefined) return null;
  const partitions = last.partitions.map(({ end, position }, partition) => ({
    lag: Math.max(0, end - position),
    arrivals: perSecond(first, last, end - (first.partitions[partition]?.end ?? end)),
    latestArrivals: perSecond(before, last, end - (before.partitions[partition]?.end ?? end)),
  }));
  const settledAt = change === null ? -Infinity : (change.readyAt ?? Infinity) + LIMITS.autoscaleSettleMs;
  const settled = known.find(({ at }) => at >= settledAt);
  const from = settled === undefined || settled === last ? before : settled;
  const busyRate = work === null ? null : work.records / work.busySeconds;
  const recent = known.findLast(({ at }) => at >= settledAt && at <= last.at - LIMITS.autoscaleSettleMs);
  const observed =
    recent === undefined || ready < replicas
      ? null
      : observedRate(recent, last, ready, (busyRate ?? 0) * BEHIND_SECONDS);
  const isHeldUp = busyRate === null || observed === null ? null : busyRate > observed * OBSERVED_TOLERANCE;
  return {
    partitions,
    lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
    throughput: perSecond(from, last, processedBetween(from, last, everyPartition)),
    rate: isHeldUp === true ? observed : (busyRate ?? observed),
    busyRate,
    isHeldUp,
    // From zero, nothing could be processed before there was a replica.
    stalledMs: ready === 0 ? 0 : stalledMs(change?.from === 0 ? known.filter(({ at }) => at >= settledAt) : known),
  };
}

/** A replica with so much work waiting had some all the time: less may be what is just under way. */
const BEHIND_SECONDS = 1;

/** Flink's observed-true-processing-rate.switch-threshold. */
const OBSERVED_TOLERANCE = 1.15;

/**
 * The mean of the replicas that were behind at both moments, partitions being dealt out in turn; null when there was none. Flink takes such
 * observations too only where there is lag (observed-true-processing-rate.lag-threshold).
 */
function observedRate(from: WholeSample, to: WholeSample, replicas: number, behindMin: number): number | null {
  const rates: number[] = [];
  for (let replica = 0; replica < replicas; replica += 1) {
    const isIts = (partition: number): boolean => partition % replicas === replica;
    if (Math.min(lagIn(from, isIts), lagIn(to, isIts)) > behindMin)
      rates.push(perSecond(from, to, processedBetween(from, to, isIts)));
  }
  if (rates.length === 0) return null;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return mean > 0 ? mean : null;
}

/** Records behind; of a partition that was not measured, none. */
export function lagIn({ partitions }: StageSample, isCounted = everyPartition): number {
  return partitions.reduce(
    (sum, one, index) => (one !== null && isCounted(index) ? sum + one.end - one.position : sum),
    0,
  );
}

function stalledMs(known: readonly WholeSample[]): number {
  const last = known.at(-1);
  if (last === undefined) return 0;
  const since = known.find(
    (sample) =>
      processedBetween(sample, last, everyPartition) === 0 &&
      sample.partitions.some(({ end, position }) => end > position),
  );
  return since === undefined ? 0 : last.at - since.at;
}

const everyPartition: (partition: number) => boolean = () => true;

function processedBetween(from: WholeSample, to: WholeSample, isCounted: (partition: number) => boolean): number {
  return to.partitions.reduce(
    (sum, { position }, partition) =>
      isCounted(partition) ? sum + position - (from.partitions[partition]?.position ?? position) : sum,
    0,
  );
}

function perSecond(from: WholeSample, to: WholeSample, records: number): number {
  return Math.max(0, records / ((to.at - from.at) / 1000));
}
