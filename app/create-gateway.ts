import { randomBytes } from "node:crypto";
import { openTlsContext } from "../broker/tls-context.ts";
import { LIMITS, type Limits } from "../core/limits.ts";
import { errorText } from "../core/errors.ts";
import { createBroker, type Broker, type TlsListening } from "../broker/broker.ts";
import { type CachingAuthenticator, createAuthenticator } from "./authenticator.ts";
import { plainHost, type Config } from "./config.ts";
import { createFaultBoard, type FaultBoard } from "./fault-board.ts";
import { openGatewayLink } from "./gateway-link.ts";
import { createSessionStore } from "./session-store.ts";
import { serveThread } from "./thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { Logger } from "../core/logger.ts";
import type { createMetrics } from "../core/metrics.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { InstallationLog } from "./installation-log.ts";
import type { LogParts } from "./thread-log.ts";
import type { Threads } from "./threads/start-threads.ts";
import type { GatewayApi } from "./threads/thread-apis.ts";
import type { Tracing } from "./tracing/open-tracing.ts";

export interface GatewayParts extends LogParts {
  readonly config: Config;
  readonly directory: DataDirectory;
  readonly log: InstallationLog;
  readonly threads: Threads;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly tracing: Tracing;
}

/** The MQTT edge, not listening yet. `port` is where the services ask it. */
export async function createGateway(port: MessagePort, parts: GatewayParts): Promise<Broker> {
  const { config, directory, log, threads, clock, logger, metrics, tracing } = parts;
  const limits: Limits = { ...LIMITS, ...config.edgeLimits };
  const authenticator = createAuthenticator(
    (token) => threads.services("authenticate", token),
    clock,
    (key) => threads.services("findDevice", key),
    (gateway, ids) => threads.services("publishable", gateway, ids),
    limits.rememberedTokensMax,
  );
  const tls = await openTls(config, authenticator, limits.tlsReloadIntervalMs, logger);
  const plain = plainHost(config);
  const faults = createFaultBoard();
  const link = await openGatewayLink(config.redisUrl, directory.secret, {
    limits,
    logger,
    metrics,
    onFault: faults.report,
  });
  const sessions = await createSessionStore({
    redisUrl: config.redisUrl,
    secret: directory.secret,
    directory: directory.path,
    limits,
    logger,
    metrics,
    onFault: faults.report,
  });
  const broker = createBroker({
    listen: { host: plain, port: config.mqttPort },
    ingest: { host: tls === null ? plain : config.host, port: config.ingestPort },
    ...(tls === null ? {} : { tls }),
    partitionCount: config.partitions,
    intake: log.log.intake("telemetry"),
    authenticator,
    findPublishable: authenticator.findPublishable,
    clock,
    gatewayId: gatewayIdOf(config, directory),
    epoch: directory.epoch,
    logger,
    metrics,
    link,
    sessions,
    limits,
    ...(tracing.tracer === undefined ? {} : { tracing: { tracer: tracing.tracer, ratio: config.traceSample } }),
    onSeen(lastSeen) {
      threads
        .services("touch", lastSeen)
        .catch((error: unknown) => logger.warn({ cause: errorText(error) }, "last-seen times were not kept"));
    },
  });
  serveThread(port, createGatewayApi(broker, authenticator, faults, metrics), logger);
  return broker;
}

/** Null without a certificate. */
async function openTls(
  config: Config,
  { findDevice }: CachingAuthenticator,
  reloadIntervalMs: number,
  logger: Logger,
): Promise<TlsListening | null> {
  const { host, mqttTlsPort, tenant, tlsCert, tlsKey, tlsClientCa, tlsClientCertRequired } = config;
  if (tlsCert === undefined || tlsKey === undefined) return null;
  const files = { cert: tlsCert, key: tlsKey, clientCa: tlsClientCa, clientCertRequired: tlsClientCertRequired };
  const context = await openTlsContext(files, logger, reloadIntervalMs);
  return { context, listen: { host, port: mqttTlsPort }, tenant, findDevice };
}

/** Part of admission ids, which must differ between gateways that append to one log. */
function gatewayIdOf(config: Config, directory: DataDirectory): string {
  if (config.kafkaBrokers === undefined) return "local";
  return directory.secretText("gateway.id", () => randomBytes(6).toString("hex"));
}

/** What other threads ask of this one. */
function createGatewayApi(
  broker: Broker,
  authenticator: ReturnType<typeof createAuthenticator>,
  faults: FaultBoard,
  metrics: GatewayParts["metrics"],
): GatewayApi {
  return {
    health: () => faults.health(broker.notReadyReasons()),
    metrics: () => metrics.snapshot(),
    mqtt: () => ({ port: broker.address.port, connections: broker.connections }),
    connectedOf: (keys) => broker.connectedOf(keys),
    disconnect(keys) {
      authenticator.forget(keys);
      broker.disconnect(keys);
    },
  };
}
