import { setTimeout as delay } from "node:timers/promises";
import { Fleet } from "../faults/fleet.ts";
import { judge } from "../faults/judge.ts";
import { provision } from "../faults/provision.ts";
import { startCluster, type Cluster } from "../support/cluster.ts";
import { freePort } from "../support/free-port.ts";
import { eventually } from "../support/stage-on-log.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { releaseOf } from "./process-health.ts";
import { rollBack, rollOn, type Rolled } from "./rolling-upgrade.ts";
import { Roster, type Slot } from "./roster.ts";
import type { Release } from "./release.ts";
import type { UpgradeFigures } from "./upgrade-verdict.ts";

export interface UpgradeOptions {
  readonly old: Release;
  readonly next: Release;
  readonly brokers: 1 | 3;
  readonly devices: number;
  /** Processes of the role; one has no canary. */
  readonly processors: number;
  /** Until a canary is judged, and how long both releases run side by side behind each verdict. */
  readonly canaryMs: number;
  readonly sideBySideMs: number;
  /** Also back again, where the upgrade is made. */
  readonly back: boolean;
  /** Called once while both releases work. */
  readonly onSideBySide?: (stand: UpgradeStand) => Promise<void>;
  /** Called before everything is ended, behind the audit. */
  readonly onEnd?: (stand: UpgradeStand) => Promise<void>;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** The installation while it is upgraded. */
export interface UpgradeStand {
  readonly cluster: Cluster;
  readonly roster: Roster;
}

export const UPGRADE_PREFIX = "upgrade.";
export const UPGRADE_PARTITIONS = 8;
const SETTLE_MS = 120_000;
/** Of each device before anything is replaced. */
const FIRST_MESSAGES = 20;
/** Windows close that the last messages opened. */
const FLUSH_BEYOND_MS = 120_000;

/** An installation of the old release under load, upgraded, judged, taken back, audited. Nothing of it is left. */
export async function runUpgrade(options: UpgradeOptions): Promise<UpgradeFigures> {
  const { brokers, signal } = options;
  const cluster = await startCluster({
    brokers,
    clickhouse: true,
    redis: true,
    prefix: UPGRADE_PREFIX,
    partitions: UPGRADE_PARTITIONS,
    environment: { MILLRACE_KAFKA_REPLICATION: String(brokers) },
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    return await runOn(cluster, options);
  } finally {
    await cluster.dispose();
  }
}

async function runOn(cluster: Cluster, options: UpgradeOptions): Promise<UpgradeFigures> {
  const { old, devices, say } = options;
  const ports = [await portPair(), await portPair()];
  const slots = slotsOf(options.processors);
  const roster = new Roster({ ...options, cluster, slots, ports });
  // It makes tables and topics.
  for (const slot of roster.slotsOf("api")) await roster.replace(slot, old);
  await Promise.all(slots.filter(({ role }) => role !== "api").map((slot) => roster.replace(slot, old)));
  const api = () => instanceApi(roster.dataOf("api"));
  const fleet = new Fleet(await provision(api(), devices), ports.flat());
  try {
    fleet.start();
    await eventually(async () => fleet.acknowledged > devices * FIRST_MESSAGES, SETTLE_MS);
    const { rolled, worked, releases } = await upgradeUnderLoad({ cluster, roster }, fleet, options);
    await fleet.settle(SETTLE_MS, options.signal ?? new AbortController().signal);
    say(`${fleet.acknowledged} of ${fleet.sent} messages are acknowledged; auditing`);
    const flushUpTo = fleet.lastTime + FLUSH_BEYOND_MS;
    await api().post("/flush", { upTo: flushUpTo });
    const { balanced, storedOnce } = await settled(api(), SETTLE_MS);
    const judged = await judge({ cluster, fleet, prefix: UPGRADE_PREFIX, partitions: UPGRADE_PARTITIONS, flushUpTo });
    await options.onEnd?.({ cluster, roster });
    return {
      ...rolled,
      releases,
      sideBySide: worked,
      sent: fleet.sent,
      acknowledged: fleet.acknowledged,
      balanced,
      storedOnce: storedOnce === true,
      ...judged,
      badStops: roster.badStops,
    };
  } finally {
    fleet.end();
  }
}

function slotsOf(processors: number): Slot[] {
  const some = (role: Slot["role"], count: number) =>
    Array.from({ length: count }, (_, index): Slot => ({ role, number: index + 1 }));
  return [...some("api", 1), ...some("gateway", 2), ...some("processors", processors), ...some("sinks", 1)];
}

/** What was seen of both releases while they ran side by side. */
interface SideBySide {
  readonly rolled: Rolled;
  /** Messages acknowledged while the two releases ran side by side. */
  readonly worked: number;
  /** Names that processes gave, at the side-by-side. */
  readonly releases: readonly string[];
}

async function upgradeUnderLoad(stand: UpgradeStand, fleet: Fleet, options: UpgradeOptions): Promise<SideBySide> {
  const { old: from, next: to, canaryMs, sideBySideMs, back, say, signal } = options;
  const { cluster, roster } = stand;
  const releases = new Set<string>();
  let worked = 0;
  let isFirst = true;
  say(`${from.name} runs; upgrading to ${to.name}`);
  const rolled = await rollOn({
    roster,
    from,
    to,
    canaryMs,
    say,
    ...(signal === undefined ? {} : { signal }),
    async onSideBySide(role) {
      if (role !== "processors" && role !== "gateway") return;
      const before = fleet.acknowledged;
      for (const process of cluster.processes.values()) releases.add((await releaseOf(process)) ?? "unnamed");
      if (isFirst) await options.onSideBySide?.(stand);
      isFirst = false;
      await delay(sideBySideMs, undefined, signal === undefined ? {} : { signal });
      worked += fleet.acknowledged - before;
    },
  });
  if (back && rolled.outcome === "upgraded") {
    say(`${to.name} runs; going back to ${from.name}`);
    await delay(sideBySideMs);
    await rollBack(roster, from);
  }
  return { rolled, worked, releases: [...releases].toSorted() };
}

async function portPair(): Promise<readonly [number, number]> {
  return [await freePort(), await freePort()];
}
