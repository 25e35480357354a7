import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";
import { givenEnvironment } from "../config.ts";
import { stopSteps, within } from "../deadline.ts";
import { rolesOf } from "../roles.ts";
import { serveThread } from "../thread-rpc.ts";
import { createStagesThreads, type StagesThreadsOptions } from "./stages-threads.ts";
import { createFunctionsProcess } from "../processes/functions-process.ts";
import { stageConfig } from "./stage-config.ts";
import { createStageThreads, shares } from "./stage-threads.ts";
import type { FunctionsThreads } from "./functions-threads.ts";
import { createReplayThreads } from "./replay-threads.ts";
import { createSharedThread } from "./spawn-shared.ts";
import { spawnThread } from "./spawn-thread.ts";
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { Config } from "../config.ts";
import type { DataDirectory } from "../data-directory.ts";
import type { RemoteCall } from "../thread-rpc.ts";
import type { ClickHouseApi, ProcessorsApi, ServicesApi } from "./thread-apis.ts";

export interface StartThreadsOptions {
  readonly config: Config;
  readonly directory: DataDirectory;
  readonly log: InstallationLog;
  /** What commands on this machine sign in with; new with every start. */
  readonly localToken: string;
  /** Where services reach the acknowledging thread; null in a process that is no gateway. */
  readonly gatewayPort: MessagePort | null;
  /** The receive clock. */
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Threads {
  readonly services: RemoteCall<ServicesApi>;
  readonly broken: Promise<Error>;
  /** Resolves when they have loaded everything. Not needed before a start. */
  prepare(): Promise<void>;
  start(): Promise<{ readonly httpPort: number; readonly adminToken: string | null }>;
  stop(deadlineMs: number): Promise<void>;
}

const CAUSE_WAIT_MS = 1000;
/** A start takes what it takes (a journal to restore, a database to open); whoever stops a thread keeps the time. */
const OWN_TIME = { prepare: Infinity, start: Infinity, stop: Infinity };
/** Applying a document and issuing a token for each of its devices. */
const CONFIGURE_WAIT_MS = 60_000;

/** Whether a stage of users' functions has begun: on Kafka that may have been in another process. */
const STAGES_LOOK_MS = 500;
const STAGES_LOOK_MS_KAFKA = 3000;

/** What every thread offers. */
type StoppableApi = { stop(deadlineMs: number): Promise<void> };

/** Spawns services, processors and (unless off) ClickHouse, and wires services to the others. A thread that ends by itself breaks the whole. */
export function startThreads(options: StartThreadsOptions): Threads {
  const { config, directory, log, logger } = options;
  const { promise: broken, resolve: breakWith } = Promise.withResolvers<Error>();
  let stopping = false;
  const onEnd = (name: string) => (error: Error | null) => {
    if (stopping) return;
    logger.error({ thread: name, err: error ?? new Error("it exited") }, "a thread ended by itself");
    breakWith(error ?? new Error(`the ${name} thread ended by itself`));
  };
  const peerPorts: MessagePort[] = [];
  const peer = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    peerPorts.push(port1);
    return port2;
  };

  const roles = rolesOf(config.role);
  // Where memory is short, one thread for both; more processors are asked for where there are cores for them.
  const spawn = config.footprint === "small" && config.processorThreads === 1 ? createSharedThread() : spawnThread;
  const threadCount = roles.has("processors") ? config.processorThreads : 0;
  const processors = shares(config.partitions, threadCount).map((partitions) => {
    const port = peer();
    const { access, transfer } = log.connect();
    return spawn<ProcessorsApi>(
      "./processors.ts",
      { config, access, partitions, peers: [port] },
      [...transfer, port],
      onEnd("processors"),
      OWN_TIME,
    );
  });
  const needsTables = roles.has("sinks") || roles.has("api");
  const clickhouse = config.clickhouse && needsTables ? spawnClickHouse(options, peer(), onEnd("clickhouse")) : null;
  const functions = functionsStages(options, () => services.call("stageSettings"));
  const functionsChannel = new MessageChannel();
  const replays = createReplayThreads(options);
  serveThread(functionsChannel.port1, { ...functions.api, ...replays.api }, logger);
  const { access, transfer } = log.connect();
  const services = spawn<ServicesApi>(
    "./services.ts",
    {
      config,
      access,
      registryPath: directory.registryPath,
      secret: directory.secret,
      installation: directory.installation,
      webhookSecret:
        config.webhookSecret ?? directory.secretText("webhook.secret", () => randomBytes(32).toString("base64url")),
      localToken: options.localToken,
      gateway: options.gatewayPort,
      functions: functionsChannel.port2,
      processors: peerPorts.slice(0, processors.length),
      clickhouse: clickhouse === null ? null : (peerPorts[processors.length] ?? null),
    },
    [...transfer, functionsChannel.port2, ...(options.gatewayPort === null ? [] : [options.gatewayPort]), ...peerPorts],
    onEnd("services"),
    { ...OWN_TIME, ensureDevice: CONFIGURE_WAIT_MS, applyDemo: CONFIGURE_WAIT_MS },
  );
  const all = [...processors, ...(clickhouse === null ? [] : [clickhouse]), services];

  /** Of a thread that ends while it starts, its calls only learn that nobody answers; why, `broken` knows a moment later. */
  const causeOf = async (error: unknown): Promise<unknown> =>
    isMillraceError(error, "THREAD_ENDED") ? Promise.race([broken, delay(CAUSE_WAIT_MS, error)]) : error;

  return {
    services: services.call,
    broken,
    async prepare() {
      try {
        await Promise.all([services.call("prepare"), ...processors.map((p) => p.call("prepare"))]);
      } catch (error) {
        throw await causeOf(error);
      }
    },
    async start() {
      try {
        const [started] = await Promise.all([
          services.call("start"),
          clickhouse?.call("start"),
          ...processors.map((p) => p.call("start")),
        ]);
        if (roles.has("processors")) functions.start();
        return started;
      } catch (error) {
        throw await causeOf(error);
      }
    },
    async stop(deadlineMs) {
      stopping = true;
      const ask = async (name: string, call: RemoteCall<StoppableApi>, waitMs: number): Promise<void> => {
        const late = () => new MillraceError("TIMED_OUT", `not within ${waitMs} ms`);
        await within(call("stop", waitMs), waitMs, late).catch((error: unknown) =>
          logger.warn({ thread: name, cause: errorText(error) }, "a thread did not stop in order"),
        );
      };
      const step = stopSteps(deadlineMs);
      // Services first: they ask the others, which do not need one another and go on from their journals. What does not answer is ended
      // all the same: a thread that is left keeps the whole process.
      await step((shareMs) => ask("services", services.call, shareMs));
      await step(async (shareMs) => {
        const stopped = [functions.stop(shareMs), replays.stop()];
        stopped.push(...processors.map((p) => ask("processors", p.call, shareMs)));
        if (clickhouse !== null) stopped.push(ask("clickhouse", clickhouse.call, shareMs));
        await Promise.all(stopped);
      });
      await Promise.all(all.map(({ worker }) => worker.terminate()));
    },
  };
}

function spawnClickHouse(
  { config, directory, log }: StartThreadsOptions,
  port: MessagePort,
  onEnd: (error: Error | null) => void,
) {
  const { access, transfer } = log.connect();
  const data = {
    config,
    access,
    path: directory.clickhousePath,
    installation: directory.installation,
    environment: givenEnvironment(),
    peers: [port],
  };
  return spawnThread<ClickHouseApi>("./clickhouse.ts", data, [...transfer, port], onEnd, OWN_TIME);
}

/** Each stage of users' functions has threads of its own. */
function functionsStages(
  { config, log, clock, logger }: StartThreadsOptions,
  settings: StagesThreadsOptions["settings"],
): FunctionsThreads {
  const isEmbedded = config.kafkaBrokers === undefined;
  return createStagesThreads({
    log: log.log,
    partitionCount: config.partitions,
    lookMs: isEmbedded ? STAGES_LOOK_MS : STAGES_LOOK_MS_KAFKA,
    settings,
    create(stage, settings) {
      const own = stageConfig(config, settings);
      if (settings.isolation === "process") return createFunctionsProcess({ config: own, log, stage, logger });
      const ownLog = { connect: () => log.connect(), scaling: isEmbedded ? log.log : null };
      return createStageThreads({ config: own, log: ownLog, stage, clock, logger });
    },
    logger,
  });
}
