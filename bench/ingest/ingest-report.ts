import type { Machine } from "../machine.ts";
import type { Line } from "../report.ts";
import type { Latency } from "../statistics.ts";
import type { IngestResult, LoadPhase } from "./generator.ts";
import type { IdleResult } from "./idle-devices.ts";
import type { PeerName, ServerName } from "./ingest-servers.ts";
import type { ShapeName } from "./load-shapes.ts";
import type { IngestTiming, ServerProfile } from "./measure-ingest.ts";

/** One round: every server in every shape, one after the other. */
export interface IngestRound {
  readonly sync: Latency;
  readonly results: Readonly<Partial<Record<ShapeName, Readonly<Partial<Record<ServerName, IngestResult>>>>>>;
}

/** Everything that one run of the benchmark has measured. */
export interface IngestReport {
  readonly date: string;
  /** What a reader must know of this run; empty when nothing. */
  readonly note: string;
  readonly command: string;
  readonly machine: Machine;
  readonly timing: IngestTiming;
  readonly log: "embedded" | "kafka";
  readonly isPinned: boolean;
  readonly peers: Readonly<Partial<Record<PeerName, string | null>>>;
  readonly rounds: readonly IngestRound[];
  readonly profile: ServerProfile | null;
  readonly idle: {
    readonly connections: number;
    readonly results: Readonly<Partial<Record<ServerName, IdleResult>>>;
  } | null;
}

/** Above this share of its core the generator is what limits the rate by the clock. */
const BUSY_SHARE = 0.95;

export const perCpuSecond = ({ usage }: LoadPhase): number => usage.messages / usage.serverCpuSeconds;
const perSecond = ({ usage }: LoadPhase): number => usage.messages / usage.seconds;
const generatorPercent = ({ usage }: LoadPhase): number => (100 * usage.generatorCpuSeconds) / usage.seconds;

/** The table of one shape: lines without values are left out. */
export function shapeLines({ rounds }: IngestReport, shape: ShapeName): Line[] {
  const results = rounds.map((round) => round.results[shape] ?? {});
  const of = (name: ServerName, what: string, unit: string, value: (result: IngestResult) => number): Line => ({
    what: `${name}: ${what}`,
    unit,
    values: results.flatMap((round) => (round[name] === undefined ? [] : [value(round[name])])),
  });
  const each = (what: string, unit: string, value: (result: IngestResult) => number): Line[] =>
    (["ours", "mosquitto", "aedes"] as const).map((name) => of(name, what, unit, value));
  const atHalf = (what: string, unit: string, value: (half: LoadPhase) => number): Line => ({
    what: `ours: ${what}`,
    unit,
    values: results.flatMap(({ ours }) => (ours?.half == null ? [] : [value(ours.half)])),
  });
  const ratio = (peer: PeerName): Line => ({
    what: `ours / ${peer}, per CPU-second`,
    unit: "ratio",
    values: results.flatMap((round) => {
      const [ours, other] = [round.ours, round[peer]];
      return ours === undefined || other === undefined ? [] : [perCpuSecond(ours.full) / perCpuSecond(other.full)];
    }),
  });
  return [
    ...each("PUBLISH to PUBACK", "msg/s per CPU-second", ({ full }) => perCpuSecond(full)),
    ratio("mosquitto"),
    ratio("aedes"),
    ...each("by the clock", "msg/s", ({ full }) => perSecond(full)),
    ...each("PUBACK at full load, p50", "ms", ({ full }) => full.latency.p50),
    ...each("PUBACK at full load, p99", "ms", ({ full }) => full.latency.p99),
    atHalf("half load", "msg/s", perSecond),
    atHalf("half load, per CPU-second", "msg/s per CPU-second", perCpuSecond),
    atHalf("PUBACK at half load, p50", "ms", ({ latency }) => latency.p50),
    atHalf("PUBACK at half load, p99", "ms", ({ latency }) => latency.p99),
    ...each("memory (RSS)", "MB", ({ rssMegabytes }) => rssMegabytes),
    ...each("generator", "% of a core", ({ full }) => generatorPercent(full)),
    ...each("taken by others", "cores", ({ full }) => full.usage.coresOfOthers),
  ].filter(({ values }) => values.length > 0);
}

export function syncLines({ rounds }: IngestReport): Line[] {
  return [
    { what: "the disk: 4 KiB and fdatasync, p50", unit: "ms", values: rounds.map(({ sync }) => sync.p50) },
    { what: "the disk: 4 KiB and fdatasync, p99", unit: "ms", values: rounds.map(({ sync }) => sync.p99) },
  ];
}

export function idleLines({ idle }: IngestReport): Line[] {
  const results = Object.entries(idle?.results ?? {});
  return results.flatMap(([name, { rssKilobytesPerConnection, cpuMicrosPerConnect }]) => [
    { what: `${name}: memory (RSS) per idle connection`, unit: "KB", values: [rssKilobytesPerConnection] },
    { what: `${name}: CPU per CONNECT`, unit: "µs", values: [cpuMicrosPerConnect] },
  ]);
}

/** Threads of our server with their share of its CPU, largest first: `name 91 %`. */
export function threadShares({ threads }: ServerProfile): string {
  const all = Object.values(threads).reduce((sum, seconds) => sum + seconds, 0);
  const shares = Object.entries(threads).map(([name, seconds]) => ({
    name,
    percent: Math.round((100 * seconds) / all),
  }));
  const counted = shares.filter(({ percent }) => percent > 0).toSorted((a, b) => b.percent - a.percent);
  return counted.map(({ name, percent }) => `${name} ${percent} %`).join(", ");
}

/** Where the generator had no CPU to spare: `server, shape`. */
export function generatorBound({ rounds }: IngestReport): string[] {
  const bound = rounds.flatMap(({ results }) =>
    Object.entries(results).flatMap(([shape, byServer]) =>
      Object.entries(byServer)
        .filter(([, { full }]) => full.usage.generatorCpuSeconds / full.usage.seconds > BUSY_SHARE)
        .map(([name]) => `${name} in the shape ${shape}`),
    ),
  );
  return [...new Set(bound)];
}
