import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { MessageChannel } from "node:worker_threads";
import { errorText } from "../core/errors.ts";
import { createMetrics } from "../core/metrics.ts";
import { givenEnvironment, plainHost } from "./config.ts";
import { misspeltSettings } from "./misspelt-settings.ts";
import { INSTANCE_FILE } from "./commands/api-client.ts";
import { keepCompiledCode } from "./node-flags.ts";
import { openDataDirectory } from "./data-directory.ts";
import { stopSignal, stopSteps } from "./deadline.ts";
import { openTracing } from "./tracing/open-tracing.ts";
import { createLogger } from "./logging.ts";
import { createSystemReceiveClock } from "./receive-clock.ts";
import { requireFreePorts } from "./require-free-ports.ts";
import { checkRoles } from "./check-roles.ts";
import { rolesOf } from "./roles.ts";
import { startThreads } from "./threads/start-threads.ts";
import { releaseMemory } from "./memory/release-memory.ts";
import { openInstallationLog, type InstallationLog } from "./installation-log.ts";
import type { LogParts } from "./thread-log.ts";
import type { MessagePort } from "node:worker_threads";
import type { GatewayParts } from "./create-gateway.ts";
import type { Broker } from "../broker/broker.ts";
import type { Config } from "./config.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Threads } from "./threads/start-threads.ts";

/** A running installation: everything embedded, in this process and its children. */
export interface Millrace {
  readonly httpUrl: string;
  /** Null in a process that is no gateway. */
  readonly mqttUrl: string | null;
  /** MQTT over TLS; null without it. */
  readonly mqttsUrl: string | null;
  /** Where telemetry comes over HTTP, and MQTT over WebSocket under `/mqtt`; null likewise. */
  readonly ingestUrl: string | null;
  /** Only on the very first start. */
  readonly adminToken: string | null;
  readonly threads: Threads;
  readonly secretText: (name: string, make: () => string) => string;
  /** Resolves when a part that the others cannot do without has ended by itself. */
  readonly broken: Promise<Error>;
  stop(deadlineMs: number): Promise<void>;
}

/**
 * A process whose modules are loaded, whose threads run and whose log is open. It is a member of no group, holds no partition and no claim, and
 * serves nobody.
 */
export interface PreparedMillrace {
  /** See `Millrace.broken`. */
  readonly broken: Promise<Error>;
  /** Resolves when all of that is so. What fails then has to be stopped. */
  ready(): Promise<void>;
  /** Called once. A failure has ended what was prepared. */
  begin(): Promise<Millrace>;
  /** Instead of `begin`. */
  stop(deadlineMs: number): Promise<void>;
}

interface Prepared {
  readonly config: Config;
  readonly directory: DataDirectory;
  readonly threads: Threads;
  readonly localToken: string;
  /** What is to be stopped, in this order. */
  readonly undo: Undo[];
}

export interface StartOptions {
  /** False only in the test that proves that the durability test bites: see openEmbeddedLog. */
  readonly sync?: boolean;
}

/** For what a start that fails has started already. */
const GIVE_UP_DEADLINE_MS = 10_000;

const NEW_LOG_TEXT =
  "the log is new, but registry and tables are not: what they hold of the log before it stays, its unread records and all state of the stage are gone, and rules and device types reach the stage again with their next change";

/** Prepares and begins. Errors: those of the data directory, PORT_IN_USE, CHDB_MISSING. */
export async function startMillrace(config: Config, options: StartOptions = {}): Promise<Millrace> {
  return (await prepareMillrace(config, options)).begin();
}

/**
 * Opens the log and starts the threads of this process's roles. This thread acknowledges: it runs the broker and makes every write of an embedded log;
 * the rest runs in threads of its own. Errors: as those of `startMillrace`.
 */
export async function prepareMillrace(config: Config, options: StartOptions = {}): Promise<PreparedMillrace> {
  const logger = createLogger(config.logLevel, "gateway");
  for (const { variable, meant } of misspeltSettings(givenEnvironment()))
    logger.warn({ variable, meant }, "a variable of the environment is no setting and is not read: correct its name");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  checkRoles(config);
  const roles = rolesOf(config.role);
  const directory = openDataDirectory(config.data, config.installationSecret ?? null);
  keepCompiledCode(config.data);
  const undo: Undo[] = [() => directory.release()];
  try {
    await requireFreePorts(config);
    const log = await openLog(config, directory, { clock, logger, metrics, sync: options.sync ?? true });
    undo.unshift((deadlineMs) => log.close(stopSignal(deadlineMs)));
    if (config.footprint === "small") undo.unshift(await releaseMemory({ directory: directory.path, logger }));

    const localToken = `mr_local_${randomBytes(32).toString("base64url")}`;
    const gateway = roles.has("gateway") ? new MessageChannel() : null;
    const gatewayPort = gateway?.port2 ?? null;
    const threads = startThreads({ config, directory, log, localToken, gatewayPort, clock, logger });
    undo.unshift((deadlineMs) => threads.stop(deadlineMs));
    const tracing = await openTracing(gateway === null ? null : config.tracing, "gateway", { clock, logger, metrics });
    undo.unshift((deadlineMs) => tracing.stop(stopSignal(deadlineMs)));
    const parts = { config, directory, log, threads, clock, logger, metrics, tracing };
    const broker = gateway === null ? null : await loadGateway(gateway.port1, parts);
    return {
      broken: threads.broken,
      ready: () => threads.prepare(),
      begin: () => begin({ config, directory, threads, localToken, undo }, broker),
      stop: (deadlineMs) => stopAll(undo, deadlineMs),
    };
  } catch (error) {
    await stopAll(undo, GIVE_UP_DEADLINE_MS);
    throw error;
  }
}

async function begin(
  { config, directory, threads, localToken, undo }: Prepared,
  broker: Broker | null,
): Promise<Millrace> {
  try {
    const { httpPort, adminToken } = await threads.start();
    if (broker !== null) {
      await broker.start();
      undo.unshift((deadlineMs) => broker.stop(stopSignal(deadlineMs)));
    }
    const httpUrl = urlOf("http", plainHost(config), httpPort);
    const { mqttUrl, mqttsUrl, ingestUrl } = edgeUrls(config, broker);
    const instanceFile = join(config.data, INSTANCE_FILE);
    const instance = {
      url: httpUrl,
      mqtt: mqttUrl,
      mqtts: mqttsUrl,
      ingest: ingestUrl,
      token: localToken,
      pid: process.pid,
    };
    writeFileSync(instanceFile, JSON.stringify(instance), { mode: 0o600 });
    undo.unshift(() => rmSync(instanceFile, { force: true }));
    return {
      httpUrl,
      mqttUrl,
      mqttsUrl,
      ingestUrl,
      adminToken,
      threads,
      secretText: directory.secretText,
      broken: threads.broken,
      stop: (deadlineMs) => stopAll(undo, deadlineMs),
    };
  } catch (error) {
    await stopAll(undo, GIVE_UP_DEADLINE_MS);
    throw error;
  }
}

/** A process that is no gateway has none of the broker's modules in memory. */
async function loadGateway(port: MessagePort, parts: GatewayParts): Promise<Broker> {
  const { createGateway } = await import("./create-gateway.ts");
  return createGateway(port, parts);
}

function edgeUrls(config: Config, broker: Broker | null): Pick<Millrace, "mqttUrl" | "mqttsUrl" | "ingestUrl"> {
  if (broker === null) return { mqttUrl: null, mqttsUrl: null, ingestUrl: null };
  const { port, tlsPort, ingestPort } = broker.address;
  const hasTls = tlsPort !== null;
  return {
    mqttUrl: urlOf("mqtt", plainHost(config), port),
    mqttsUrl: hasTls ? urlOf("mqtts", config.host, tlsPort) : null,
    ingestUrl: urlOf(hasTls ? "https" : "http", hasTls ? config.host : plainHost(config), ingestPort ?? 0),
  };
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function openLog(
  config: Config,
  directory: DataDirectory,
  parts: LogParts & { readonly sync: boolean },
): Promise<InstallationLog> {
  const log = await openInstallationLog(config, directory, parts);
  if (log.isNew && directory.hasStores)
    parts.logger.warn({ log: directory.logPath, generation: log.generation }, NEW_LOG_TEXT);
  return log;
}

/** Stops one part by the deadline. */
type Undo = (deadlineMs: number) => Promise<void> | void;

/** In order: intake first, then what drains it, the log and the lock last. One that fails does not keep the others from stopping. */
async function stopAll(undo: readonly Undo[], deadlineMs: number): Promise<void> {
  const step = stopSteps(deadlineMs);
  for (const stop of undo) {
    try {
      await step(stop);
    } catch (error) {
      console.error(`millrace: while stopping: ${errorText(error)}`);
    }
  }
}
