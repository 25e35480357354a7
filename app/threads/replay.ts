import { workerData, type MessagePort } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { REPLAY_STAGE } from "../../core/stage.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createFunctionConsole } from "../../runtime/function-console.ts";
import { aggregate } from "../../processors/aggregate.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { openThreadLog, type LogAccess } from "../thread-log.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { ReplayRun, type ReplayCounts } from "../replay/replay-run.ts";
import { serveThread } from "../thread-rpc.ts";
import { giveWay } from "./give-way.ts";
import { createOwnHeap } from "./own-heap.ts";
import type { Config } from "../config.ts";
import type { ReplayJob } from "../replay/replay-job.ts";

/** What a thread that replays a function is started with: it ends with the replay. */
export interface ReplayThreadData {
  readonly config: Config;
  readonly access: LogAccess;
  readonly control: MessagePort;
  readonly job: ReplayJob;
}

export type ReplayThreadApi = {
  /** Resolves when it has ended, with false when it was cancelled. */
  run(): Promise<boolean>;
  counts(): ReplayCounts;
  cancel(): void;
};

giveWay();
const { config, access, control, job } = workerData as ReplayThreadData;
const heap = createOwnHeap(LIMITS.replayMemoryMibMax);
setInterval(() => heap.look(), LIMITS.functionWatchMs);
const logger = createLogger(config.logLevel, "replay");
const metrics = createMetrics();
const log = await openThreadLog(access, config, { clock: createSystemReceiveClock(), logger, metrics });
const run = new ReplayRun({ ...job, log, generation: log.generation, fn: functionOf(job) });
const api: ReplayThreadApi = {
  run: () => run.run(),
  counts: () => run.counts(),
  cancel: () => run.cancel(),
};
serveThread(control, api, logger);

function functionOf({ name, version, code }: ReplayJob) {
  if (code === null) return aggregate;
  const console = createFunctionConsole({
    stage: REPLAY_STAGE,
    logger,
    metrics,
    monotonic: { now: () => performance.now() },
  });
  const fn = loadFunctions(code, { console }).find((one) => one.name === name);
  if (fn === undefined)
    throw new MillraceError("FUNCTION_INVALID", `the code of ${name}@${version} exports no ${name}`);
  return { ...fn, version };
}
