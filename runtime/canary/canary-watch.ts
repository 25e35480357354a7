import { untilAborted } from "../../core/aborted.ts";
import { CANARY_OUTCOMES, noCanaryCounts } from "../../core/canary.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { createOutage } from "../../core/outage.ts";
import { decideRollout } from "./decide-rollout.ts";
import type { CanaryCounts } from "../../core/canary.ts";
import type { Clock } from "../../core/clock.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Rollout, RolloutStore } from "../../core/rollout.ts";

export interface CanaryWatchOptions {
  readonly rollouts: RolloutStore;
  /** What this process's threads have counted since they began, by `name@version`. */
  readonly counts: () => Promise<ReadonlyMap<string, CanaryCounts>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lookMs?: number;
}

/** In the audit. */
const ACTOR = "canary watch";
const FAILED_MS = 1000;

/** What was seen of one canary. Of one that has ended only `last`: the same code may come again, and its counts go on. */
interface Seen {
  readonly step: number | null;
  readonly last: CanaryCounts;
  readonly all: CanaryCounts;
  readonly ofStep: CanaryCounts;
}

const NEVER_SEEN: Seen = { step: null, last: noCanaryCounts(), all: noCanaryCounts(), ofStep: noCanaryCounts() };

/**
 * Looks at the canaries that run, takes back those that are worse than what they are to replace, and moves the others on. What is decided is
 * decide-rollout.ts's. Several may watch: each goes by what its own threads have seen, and a step is made once.
 */
export function createCanaryWatch(options: CanaryWatchOptions): Service {
  const { rollouts, clock, logger, lookMs = LIMITS.canaryLookMs } = options;
  const outage = createOutage("canaries are not watched", FAILED_MS, logger);
  const stopping = new AbortController();
  const seen = new Map<string, Seen>();
  let running: Promise<void> = Promise.resolve();

  const judge = async (rollout: Rollout, counts: CanaryCounts): Promise<void> => {
    const { name, version, step, stepMs, since } = rollout;
    const id = `${name}@${version}`;
    const known = noted(seen.get(id) ?? NEVER_SEEN, step, counts);
    seen.set(id, known);
    const view = { all: known.all, ofStep: known.ofStep, stepAgeMs: clock.now() - since, stepMs };
    const { action, reason } = decideRollout(view, LIMITS);
    if (action === "roll-back" && (await rollouts.rollBack({ name, version, step }, reason, ACTOR))) {
      logger.error({ function: name, version, ...known.all }, `the canary of ${name} is taken back: ${reason}`);
    } else if (action === "advance" && (await rollouts.advance({ name, version, step }, ACTOR))) {
      logger.info({ function: name, version, step: step + 1 }, `the canary of ${name} goes on: ${reason}`);
    }
  };

  const look = async (): Promise<void> => {
    const going = (await rollouts.all()).filter(({ outcome }) => outcome === null);
    const ids = new Set(going.map(({ name, version }) => `${name}@${version}`));
    // For as long as this runs: a partition that is behind may still count one that ended long ago.
    const ended = [...seen].filter(([id]) => !ids.has(id));
    if (going.length === 0 && ended.length === 0) return;
    const counts = await options.counts();
    for (const [id, { last }] of ended) seen.set(id, { ...NEVER_SEEN, last: counts.get(id) ?? last });
    for (const rollout of going) {
      await judge(rollout, counts.get(`${rollout.name}@${rollout.version}`) ?? noCanaryCounts());
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      let pauseMs = lookMs;
      try {
        await look();
        outage.succeeded();
      } catch (error) {
        pauseMs = outage.failed(error);
      }
      await pause(pauseMs, stopping.signal);
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
  };
}

function noted(known: Seen, step: number, counts: CanaryCounts): Seen {
  const come = increase(known.last, counts);
  const ofStep = known.step === step ? sum(known.ofStep, come) : come;
  return { step, last: counts, all: sum(known.all, come), ofStep };
}

/** Counts are sums over threads, and one that begins anew takes its own with it: what it had counted since the last look is lost, and nobody's twice. */
function increase(before: CanaryCounts, now: CanaryCounts): CanaryCounts {
  const come = noCanaryCounts();
  for (const name of CANARY_OUTCOMES) come[name] = Math.max(0, now[name] - before[name]);
  return come;
}

function sum(one: CanaryCounts, other: CanaryCounts): CanaryCounts {
  const both = noCanaryCounts();
  for (const name of CANARY_OUTCOMES) both[name] = one[name] + other[name];
  return both;
}
