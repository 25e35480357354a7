import { LIMITS } from "../../core/limits.ts";
import { TOPICS } from "../../core/topics.ts";
import { MEASURED_METRICS, type Costs } from "./measured-costs.ts";
import { meanRate, peakRate, type Fleet } from "./fleet.ts";
import type { Figure } from "./figure.ts";

/** Which of the measured runs counts: the quickest, the middle, or the slowest. */
export type Luck = "low" | "mid" | "high";

/** What one installation of a fleet takes at its peak. Threads of one core each; a gateway is one thread. */
export interface Installation {
  readonly fleet: Fleet;
  readonly luck: Luck;
  readonly peakPerSecond: number;
  readonly gateways: number;
  readonly partitions: number;
  readonly processorThreads: number;
  readonly functionThreads: number;
  readonly brokers: number;
  readonly clickhouseCores: number;
  /** Seconds of a thread for a message, with what it grows by beyond the sizes that were measured. */
  readonly stageSeconds: number;
  readonly functionSeconds: number;
  readonly gatewaySeconds: number;
  readonly sinkSeconds: number;
  readonly hubSeconds: number;
  /** Bytes per second that Kafka takes at the peak, before replication. */
  readonly kafkaBytesPerSecond: number;
  readonly logBytes: number;
  readonly historyBytes: number;
}

/** Partitions of a topic at least: the default of an installation. */
const PARTITIONS_LEAST = 32;
/** Journals of stages that have as many partitions as topics: main, functions. */
const JOURNALS = 2;
/**
 * A broker of two cores: what AWS sells as express.m7g.large takes 45 MB/s with three of them
 * (https://docs.aws.amazon.com/msk/latest/developerguide/bestpractices-express.html), and 1,000 replicas of partitions each are recommended for its standard
 * kin (https://docs.aws.amazon.com/msk/latest/developerguide/bestpractices.html). Ours were not measured.
 */
export const BROKER = { cores: 2, bytesPerSecond: 45e6 / 3, replicas: 1000, least: 3 } as const;
/** Cores of ClickHouse at least, in each replica. */
const CLICKHOUSE_CORES_LEAST = 2;

export function planInstallation(fleet: Fleet, costs: Costs, luck: Luck): Installation {
  const of = (figure: Figure): number => figure[luck];
  const peakPerSecond = peakRate(fleet);
  // Messages of fewer metrics than were measured are not taken to be cheaper.
  const weight = Math.max(1, fleet.metrics / MEASURED_METRICS);
  const gatewaySeconds = of(costs.gatewayMessage) * weight;
  const stage = threadsFor(fleet, of(costs.stageMessage) * weight, costs.growth);
  const functions = threadsFor(
    { ...fleet, peakFactor: fleet.peakFactor * fleet.functionShare },
    of(costs.functionMessage) * weight,
    costs.growth,
  );
  // A journal is deleted up to its last snapshot: it takes the brokers' bandwidth, and next to no disk.
  const kept = (costs.telemetryBytes + of(costs.outputBytes) * (1 + fleet.functionShare / of(costs.outputs))) * weight;
  const kafkaBytesPerSecond = peakPerSecond * (kept + of(costs.journalBytes) * weight);
  const partitions = Math.max(stage.partitions, functions.partitions);
  const replicas = partitions * (TOPICS.length + JOURNALS) * fleet.replication;
  const rows = peakPerSecond * fleet.metrics;
  const questions = (fleet.devices / 10_000) * fleet.questionsPerSecond;
  const clickhouseBusy = rows * of(costs.clickhouseRow) + questions * of(costs.question);
  const day = 86_400 * meanRate(fleet);
  return {
    fleet,
    luck,
    peakPerSecond,
    gateways: Math.max(
      1,
      Math.ceil((peakPerSecond * gatewaySeconds) / fleet.utilisation),
      Math.ceil(fleet.devices / LIMITS.rememberedTokensMax),
    ),
    partitions,
    processorThreads: stage.threads,
    functionThreads: fleet.functionShare === 0 ? 0 : functions.threads,
    brokers: Math.max(
      BROKER.least,
      Math.ceil(kafkaBytesPerSecond / BROKER.bytesPerSecond),
      Math.ceil(replicas / BROKER.replicas),
    ),
    clickhouseCores: Math.max(CLICKHOUSE_CORES_LEAST, Math.ceil(clickhouseBusy / fleet.utilisation)),
    stageSeconds: stage.seconds,
    functionSeconds: functions.seconds,
    gatewaySeconds,
    sinkSeconds: of(costs.sinkRow) * fleet.metrics,
    hubSeconds: of(costs.hubMessage) * weight,
    kafkaBytesPerSecond,
    logBytes: day * fleet.logDays * kept * fleet.replication,
    historyBytes: day * fleet.historyDays * fleet.metrics * of(costs.rowBytes) * fleet.clickhouseReplicas,
  };
}

interface Threads {
  readonly threads: number;
  readonly partitions: number;
  readonly seconds: number;
}

/**
 * The fewest threads of which the busiest is not too busy, and as many partitions as let the pods double. A thread has whole partitions: the busiest
 * has ceil(P / T) of them. Where no number within the ceiling of partitions does, one thread for each: `strains` tells.
 */
function threadsFor(fleet: Fleet, secondsMeasured: number, growth: Costs["growth"]): Threads {
  const rate = peakRate(fleet);
  for (let threads = 1; ; threads += 1) {
    const seconds = secondsMeasured * grownBy(fleet.devices / threads, growth);
    const partitions = partitionsFor(threads);
    const isEnough = rate * seconds * busiestShare(partitions, threads) <= fleet.utilisation;
    if (isEnough || threads >= LIMITS.partitionsMax) return { threads, partitions, seconds };
  }
}

/** A power of two, twice the threads at least. */
function partitionsFor(threads: number): number {
  return Math.min(LIMITS.partitionsMax, Math.max(PARTITIONS_LEAST, 2 ** Math.ceil(Math.log2(2 * threads))));
}

export function busiestShare(partitions: number, threads: number): number {
  return Math.ceil(partitions / threads) / partitions;
}

/** By the measured exponent, where a thread has more devices than it was measured with. */
function grownBy(devicesOfThread: number, { exponent, devices }: Costs["growth"]): number {
  return Math.max(1, devicesOfThread / devices) ** exponent;
}
