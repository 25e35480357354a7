import { createMetrics } from "../core/metrics.ts";
import { holdFile } from "../log/embedded/held-file.ts";
import { openRegistry, type OpenRegistry } from "../registry/open-registry.ts";
import { withLocalToken } from "./local-credential.ts";
import { createLogger } from "./logging.ts";
import { packageVersion } from "./package-version.ts";
import { createPeers } from "./peers.ts";
import { rolesOf } from "./roles.ts";
import { rollupRetention } from "./rollup-settings.ts";
import { openThreadLog } from "./thread-log.ts";
import { openTracing } from "./tracing/open-tracing.ts";
import type { Clock } from "../core/clock.ts";
import type { ServicesThreadData } from "./services-thread-data.ts";

const REGISTRY_LOST =
  "the registry's file was deleted or replaced while it was in use, and changes vanish with this process: stop Millrace, put the file back or restore a backup, and start it again";

/** What every part of the services thread is made from. */
export type Base = Awaited<ReturnType<typeof openBase>>;

/** Opens the registry and the log. Nothing of this is known to other processes: nothing is claimed, and no group is joined. */
export async function openBase(data: ServicesThreadData, clock: Clock) {
  const { config } = data;
  const roles = rolesOf(config.role);
  const logger = createLogger(config.logLevel, "services");
  const rollups = { retention: rollupRetention(config), now: () => clock.now() };
  const readers = data.clickhouse === null ? null : await import("./table-readers.ts");
  const peers = createPeers(data, logger, readers && ((locate) => readers.createTableReaders(locate, rollups)));
  const opened: OpenRegistry = await openRegistry({
    ...(config.databaseUrl === undefined ? { path: data.registryPath } : { url: config.databaseUrl }),
    secret: data.secret,
    adminTenant: config.tenant,
    clock,
    logger,
  });
  const isHeld = config.databaseUrl === undefined ? holdFile(data.registryPath) : () => true;
  const registryHealth = () => ({ reasons: isHeld() ? [] : [REGISTRY_LOST], faults: [], events: [] });
  const registry = withLocalToken(opened, data.localToken, config.tenant);
  registry.onRevoked((keys) => peers.disconnect(keys));
  const adminToken =
    !roles.has("api") || (await registry.credentials.hasAdminToken())
      ? null
      : await registry.credentials.issueAdminToken("first-start", "millrace");
  const metrics = createMetrics();
  metrics
    .gauge("millrace_build_info", "1, with the release that the process runs and its roles.", {
      release: config.release ?? packageVersion(),
      role: config.role,
    })
    .set(1);
  // Who lets processors go takes their part in what must not stand still meanwhile: ticks, control records, retention.
  const keepsControl = roles.has("processors") || config.scalerPort !== undefined;
  const log = await openThreadLog(data.access, config, { clock, logger, metrics });
  const tracing = await openTracing(roles.has("sinks") ? config.tracing : null, "services", { clock, logger, metrics });
  return {
    config,
    roles,
    tracing,
    keepsControl,
    clock,
    logger,
    metrics,
    log,
    firstGeneration: log.firstGeneration,
    peers,
    registry,
    registryHealth,
    adminToken,
  };
}

export async function closeBase({ tracing, registry, log }: Base, signal: AbortSignal): Promise<void> {
  await tracing.stop(signal);
  await registry.close();
  await log.close(signal);
}
