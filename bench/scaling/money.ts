import { meanRate, peakRate, type Fleet } from "./fleet.ts";
import { BROKER } from "./installation.ts";
import { PRICES } from "./prices.ts";
import type { Plan } from "./strains.ts";

const HOURS = 730;
const SECONDS = HOURS * 3600;
const GB = 1e9;
const MILLION = 1e6;

/** Of an installation, beside what grows: sinks (one waits), api, two PostgreSQL servers of 4 cores, two of Redis. Assumed, not measured. */
const FIXED_CORES = 2 + 1 + 8 + 2;
/** Zones: of what goes somewhere, so much goes to another one. */
const ELSEWHERE = 2 / 3;
/** How often a derived record is fetched: by functions, by the sink, by the api. */
const READERS = 3;

/** US dollars a month. */
export interface Money {
  readonly cores: number;
  readonly compute: number;
  readonly disks: number;
  readonly traffic: number;
  readonly total: number;
}

/** What runs at the peak runs all month: nothing is scaled down at night. */
export function moneyOf({ installations, each }: Plan): Money {
  const { gateways, processorThreads, functionThreads, brokers, clickhouseCores, fleet } = each;
  const growing =
    gateways + processorThreads + functionThreads + brokers * BROKER.cores + clickhouseCores * fleet.clickhouseReplicas;
  const cores = installations * (growing + FIXED_CORES);
  const compute = cores * HOURS * PRICES.coreHour.usd;
  const disks = (installations * (each.logBytes + each.historyBytes) * PRICES.diskGigabyteMonth.usd) / GB;
  const written = (each.kafkaBytesPerSecond / fleet.peakFactor) * SECONDS;
  const crossed = written * (fleet.replication - 1 + ELSEWHERE + READERS * ELSEWHERE);
  const traffic = (installations * crossed * PRICES.crossZoneGigabyte.usd) / GB;
  return { cores, compute, disks, traffic, total: compute + disks + traffic };
}

/** IoT Core + Kinesis + Lambda: no tables, alarms, dashboard or roll-ups. */
export interface AwsMoney {
  readonly connectivity: number;
  readonly messaging: number;
  readonly rules: number;
  readonly kinesis: number;
  readonly lambda: number;
  readonly total: number;
  /** By topics of a rule's own (Basic Ingest), messaging costs nothing: then no other device or subscriber sees the message. */
  readonly totalBasicIngest: number;
}

/** Of a Kinesis shard; https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. */
const SHARD = { messagesPerSecond: 1000, bytesPerSecond: 1e6 } as const;
/** Messages of a call of a function. Assumed. */
const LAMBDA_BATCH = 100;
/** With so much memory a function has a core; https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. */
const LAMBDA_GIGABYTES = 1.769;

/** `secondsPerMessage`: of a core in the function. `bytes`: of a message as it goes into Kinesis. */
export function awsMoney(fleet: Fleet, secondsPerMessage: number, bytes: number): AwsMoney {
  const messages = meanRate(fleet) * SECONDS;
  const connectivity = ((fleet.devices * HOURS * 60) / MILLION) * PRICES.iotMinutes.usd;
  const messaging = (messages / MILLION) * PRICES.iotMessages.usd;
  const rules = (messages / MILLION) * PRICES.iotRules.usd;
  const peak = peakRate(fleet);
  const shards = Math.ceil(Math.max(peak / SHARD.messagesPerSecond, (peak * bytes) / SHARD.bytesPerSecond));
  const kinesis = shards * HOURS * PRICES.kinesisShardHour.usd + (messages / MILLION) * PRICES.kinesisPut.usd;
  const lambda =
    (messages / LAMBDA_BATCH / MILLION) * PRICES.lambdaRequests.usd +
    messages * secondsPerMessage * LAMBDA_GIGABYTES * PRICES.lambdaGigabyteSecond.usd;
  const totalBasicIngest = connectivity + rules + kinesis + lambda;
  return {
    connectivity,
    messaging,
    rules,
    kinesis,
    lambda,
    total: totalBasicIngest + messaging,
    totalBasicIngest,
  };
}
