import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../device-sim/random.ts";
import { pick, shuffled } from "./chance.ts";
import { CLICKHOUSE_FAULTS } from "./clickhouse-faults.ts";
import { FAULTS, type FaultScene } from "./faults.ts";

export interface LaneOptions extends FaultScene {
  readonly seed: string;
  /** By performance.now: no fault begins later, unless its kind has not happened yet. */
  readonly until: number;
  /** Kinds of faults that happen one after the other; null for all of them. */
  readonly kinds: readonly string[] | null;
  /** Every kind happens, however long it takes. */
  readonly isFull: boolean;
  readonly say: (text: string) => void;
}

const KILL_EVERY_MS = 10_000;
const SCALE_EVERY_MS = 20_000;
const PROCESSORS_MAX = 4;
const KILLED_ROLES = ["gateway", "processors", "sinks"];

/** How often each kind has happened. */
export type Happened = Map<string, number>;

/** All lanes at once. Resolves when the last fault is over. */
export async function runLanes(options: LaneOptions): Promise<Happened> {
  const happened: Happened = new Map();
  const over = new AbortController();
  const background = AbortSignal.any([over.signal, options.signal]);
  const others = Promise.all([killLane(options, happened, background), scaleLane(options, happened, background)]);
  try {
    await Promise.all([faultLane(options, happened), clickhouseLane(options, happened)]);
  } finally {
    over.abort();
    await others;
  }
  return happened;
}

/** Each kind once in an order that the seed gives, then drawn. */
async function faultLane(options: LaneOptions, happened: Happened): Promise<void> {
  const { seed, until, kinds, isFull, signal, say } = options;
  const random = createRandom(`faults ${seed}`);
  const faults = FAULTS.filter(({ kind }) => kinds?.includes(kind) ?? true);
  const first = shuffled(faults, random);
  for (let turn = 0; performance.now() < until || (isFull && turn < first.length); turn += 1) {
    await delay(random.between(1000, 4000), undefined, { signal });
    const fault = first[turn] ?? pick(faults, random);
    say(`${fault.kind} …`);
    const where = await fault.run(options, random);
    count(happened, fault.kind);
    say(`${fault.kind} ${where}: over`);
  }
}

async function clickhouseLane(options: LaneOptions, happened: Happened): Promise<void> {
  const { seed, until, isFull, durations, signal, say } = options;
  const { clickhouse } = options.cluster;
  if (clickhouse === null) return;
  const random = createRandom(`clickhouse ${seed}`);
  for (const fault of shuffled(CLICKHOUSE_FAULTS, random)) {
    await delay(random.between(1000, 4000), undefined, { signal });
    if (performance.now() > until && !isFull) return;
    say(`${fault.kind} …`);
    await fault.run(clickhouse, durations, signal);
    count(happened, fault.kind);
    say(`${fault.kind}: over`);
  }
}

async function killLane({ seed, stand, say }: LaneOptions, happened: Happened, signal: AbortSignal): Promise<void> {
  const random = createRandom(`kills ${seed}`);
  while (await passed(KILL_EVERY_MS, signal)) {
    const name = await stand.killOne(KILLED_ROLES, random);
    if (name === null) continue;
    count(happened, "process-killed");
    say(`  ${name} killed`);
  }
}

async function scaleLane({ stand, say }: LaneOptions, happened: Happened, signal: AbortSignal): Promise<void> {
  const others = Array.from({ length: PROCESSORS_MAX - 1 }, (_, index) => `processors-${index + 2}`);
  for (let isUp = false; await passed(SCALE_EVERY_MS, signal);) {
    if (!stand.mayScale) continue;
    isUp = !isUp;
    say(`  processors ${isUp ? `1 → ${PROCESSORS_MAX}` : `${PROCESSORS_MAX} → 1`}`);
    if (isUp) for (const name of others) stand.add(name);
    else await Promise.all(others.map((name) => stand.remove(name)));
    count(happened, isUp ? "scaled-up" : "scaled-down");
  }
}

/** False when the lanes end first. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}

function count(happened: Happened, kind: string): void {
  happened.set(kind, (happened.get(kind) ?? 0) + 1);
}

/** Of a full run. */
export const ALL_KINDS: readonly string[] = [
  ...[...FAULTS, ...CLICKHOUSE_FAULTS].map(({ kind }) => kind),
  "process-killed",
  "scaled-up",
  "scaled-down",
];
