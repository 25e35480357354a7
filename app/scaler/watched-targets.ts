import { begunStages, functionsStageName } from "../../core/functions-stage.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE, MAIN_STAGE, stageInput } from "../../core/stage.ts";
import { untilAppended } from "../../runtime/autoscaler/stage-sample.ts";
import { createStageObserver } from "./observe-stage.ts";
import { WatchedTarget } from "./watched-target.ts";
import type { Clock } from "../../core/clock.ts";
import type { ConsumerGroups } from "../../core/consumer-group.ts";
import type { EventLog, LogStatus } from "../../core/event-log.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { ScalerTarget, ScalerTargets } from "../../core/scaler.ts";

interface WatchedTargetsOptions {
  readonly log: Pick<EventLog, "status" | "openReader" | "partitionCount">;
  readonly groups: Pick<ConsumerGroups, "members">;
  /** Of a stage by its name in the log, as configured here. */
  readonly threadsOfStage: (stage: string) => number;
  /** The receive clock. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly intervalMs?: number;
}

interface Watched {
  readonly target: WatchedTarget;
  askedAt: number;
}

/** Always there, begun or not. */
const BUILT_IN: readonly string[] = [MAIN_STAGE, FUNCTIONS_STAGE.name, JOINS_STAGE.name];

/** Everything that somebody has asked for, looked at from its first question until nobody has asked for a while. */
export function createWatchedTargets(
  options: WatchedTargetsOptions,
): ScalerTargets & Readiness & Pick<Service, "stop"> {
  const { log } = options;
  const status = sharedStatus(log);
  const watched = new Map<string, Watched>();
  let isStopping = false;

  const watch = async (target: ScalerTarget): Promise<Watched> => {
    const key = JSON.stringify(target);
    const name = nameInLog(target.stage);
    if (!watched.has(key) && !BUILT_IN.includes(target.stage)) await requireStage(target.stage, status);
    const known = watched.get(key);
    if (known !== undefined) return Object.assign(known, { askedAt: performance.now() });
    await forgetUnasked(watched);
    if (isStopping) throw new MillraceError("NOT_RUNNING", "this process stops: ask the one that takes its place");
    if (watched.size >= LIMITS.scalerTargetsMax) throw tooMany();
    const own = new WatchedTarget({
      ...options,
      target,
      partitions: log.partitionCount,
      threadsPerPod: options.threadsOfStage(name),
      observe: createStageObserver(name, { ...options, status, partitions: log.partitionCount }),
      appended: (sample, waitMs, signal) =>
        untilAppended(log, { input: stageInput(name), name }, sample, waitMs, signal),
    });
    const made = { target: own, askedAt: performance.now() };
    watched.set(key, made);
    await own.start();
    return made;
  };

  return {
    async stop(signal) {
      isStopping = true;
      await Promise.all([...watched.values()].map(({ target }) => target.stop(signal)));
    },
    notReadyReasons: () => [...watched.values()].flatMap(({ target }) => target.notReadyReasons()),
    async answer(target) {
      const { target: own } = await watch(target);
      return own.answer();
    },
    async follow(target, onChange, signal) {
      const { target: own } = await watch(target);
      let before: boolean | null = null;
      own.follow(({ isActive }) => {
        if (isActive === before) return;
        before = isActive;
        onChange(isActive);
      }, signal);
    },
  };
}

function nameInLog(stage: string): string {
  return stage === MAIN_STAGE || stage === JOINS_STAGE.name ? stage : functionsStageName(stage);
}

async function requireStage(stage: string, status: () => Promise<LogStatus>): Promise<void> {
  const names = begunStages(await status()).map(({ name }) => name);
  if (names.includes(functionsStageName(stage))) return;
  throw new MillraceError("INVALID_INPUT", `no function runs in a stage ${JSON.stringify(stage)}`, {
    remedy: `Name main, functions, joins or a stage of your own, or deploy a function with --stage ${stage} first.`,
  });
}

function tooMany(): MillraceError {
  return new MillraceError("LIMIT_EXCEEDED", `${LIMITS.scalerTargetsMax} targets are asked for already`, {
    remedy: "Give the triggers of one stage the same metadata: each combination is a target.",
  });
}

async function forgetUnasked(watched: Map<string, Watched>): Promise<void> {
  const now = performance.now();
  for (const [key, { target, askedAt }] of watched) {
    if (target.isFollowed || now - askedAt < LIMITS.scalerForgetMs) continue;
    watched.delete(key);
    await target.stop(AbortSignal.timeout(LIMITS.scalerFirstAnswerMs));
  }
}

/** One look at the log for all who want one at the same time. */
function sharedStatus(log: Pick<EventLog, "status">): () => Promise<LogStatus> {
  let underWay: Promise<LogStatus> | null = null;
  return () => {
    underWay ??= log.status().finally(() => {
      underWay = null;
    });
    return underWay;
  };
}
