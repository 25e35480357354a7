import { fileURLToPath } from "node:url";
import { createApi } from "../api/api.ts";
import { createSignInCodes } from "../api/sign-in-codes.ts";
import { MillraceError } from "../core/errors.ts";
import { createMetrics } from "../core/metrics.ts";
import { createHub } from "../dashboard/hub.ts";
import { connectEmbeddedLog } from "../log/embedded/connect-embedded-log.ts";
import { mainStage } from "../processors/main-stage.ts";
import { openRegistry } from "../registry/open-registry.ts";
import { createControlRelay } from "../runtime/control-relay.ts";
import { createTickWriter } from "../runtime/tick-writer.ts";
import { createNotifySink } from "../sinks/notify/notify-sink.ts";
import { stopSignal } from "./deadline.ts";
import { createDeviceCounts } from "./device-counts.ts";
import { applyDemo } from "./demo-devices.ts";
import { audit } from "./ledger/audit.ts";
import { createOverviewMaker, lagOf } from "./ledger/overview-maker.ts";
import { SINK_JOURNAL, STAGE_JOURNAL } from "./ledger/quiet-sample.ts";
import { withLocalToken } from "./local-credential.ts";
import { createLogger } from "./logging.ts";
import { createPeers } from "./peers.ts";
import { createFaultWatch } from "./platform-faults.ts";
import { createSystemReceiveClock } from "./receive-clock.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogConnection } from "../log/embedded/connect-embedded-log.ts";
import type { Config } from "./config.ts";
import type { OpenRegistry } from "../registry/open-registry.ts";
import type { PeerPorts } from "./peers.ts";
import type { ServicesApi } from "./threads/thread-apis.ts";

export interface ServicesThreadData extends PeerPorts {
  readonly config: Config;
  readonly connection: LogConnection;
  readonly registryPath: string;
  readonly secret: Uint8Array;
  readonly webhookSecret: string;
  readonly localToken: string;
  readonly control: MessagePort;
}

const PAGES = fileURLToPath(new URL("../dist/web/", import.meta.url));
const LAG_FAULT_RECORDS = 100_000;

/** Registry, API, hub, notifications, ticks, control records: everything that is not the path of a message. */
export function createServices(data: ServicesThreadData): ServicesApi {
  const { config } = data;
  const clock = createSystemReceiveClock();
  const codes = createSignInCodes(clock);
  let running: Awaited<ReturnType<typeof startServices>> | null = null;
  const registry = (): OpenRegistry => {
    if (running === null) throw new MillraceError("NOT_RUNNING", "the services have not started");
    return running.registry;
  };
  return {
    async start() {
      running = await startServices(data, clock, codes);
      return { httpPort: running.httpPort, adminToken: running.adminToken };
    },
    authenticate: (token) => registry().credentials.verify(token),
    touch: (lastSeen) => registry().touch(lastSeen),
    signInCode: () => codes.issue({ kind: "admin", tenant: config.tenant, id: "sign-in link" }),
    async ensureDevice(id, token) {
      await registry().importDevices([{ tenant: config.tenant, id, token }], "millrace start");
      await registry().controlOutbox.drained(5000);
    },
    applyDemo: (yaml) => applyDemo(registry(), config.tenant, yaml),
    stop: async (deadlineMs) => running?.stop(stopSignal(deadlineMs)),
  };
}

async function startServices(
  data: ServicesThreadData,
  clock: ReturnType<typeof createSystemReceiveClock>,
  signInCodes: ReturnType<typeof createSignInCodes>,
) {
  const { config } = data;
  const logger = createLogger(config.logLevel, "services");
  const metrics = createMetrics();
  const log = connectEmbeddedLog(data.connection);
  const peers = createPeers(data);
  const opened = await openRegistry({
    path: data.registryPath,
    secret: data.secret,
    adminTenant: config.tenant,
    clock,
    logger,
  });
  const registry = withLocalToken(opened, data.localToken, config.tenant);
  registry.onRevoked((keys) => peers.disconnect(keys));
  const adminToken = (await registry.credentials.hasAdminToken())
    ? null
    : await registry.credentials.issueAdminToken("first-start", "millrace");

  const notifyFaults = new Map<string, string | null>();
  const notify = createNotifySink({
    log,
    alarms: registry.alarms,
    outbox: registry.notifications,
    webhooks: config.webhookUrl === undefined ? [] : [{ url: config.webhookUrl, secret: data.webhookSecret }],
    clock,
    logger,
    metrics,
    onFault: (id, transition, text) => notifyFaults.set(id, transition === "raised" ? text : null),
  });
  const faultWatch = createFaultWatch({
    parts: {
      ...peers.readiness,
      notify: () =>
        Promise.resolve([...notify.notReadyReasons(), ...notifyFaults.values()].filter((text) => text !== null)),
    },
    status: () => log.status(),
    lags: (status) => ({
      processors: lagOf(status, STAGE_JOURNAL),
      clickhouse: lagOf(status, SINK_JOURNAL),
      notify: lagOf(status, "sink:notify"),
    }),
    lagMax: LAG_FAULT_RECORDS,
    onChange: (fault, state) => notify.platformFault(fault.id, state, fault.text),
    clock,
    logger,
  });
  const ledgerSources = { log, totals: () => peers.totals(), history: () => peers.history };
  const deviceCounts = createDeviceCounts(registry.devices, config.tenant, clock);
  const overview = createOverviewMaker({
    ...ledgerSources,
    clock,
    clickhouse: config.clickhouse,
    sums: () => peers.sums(),
    devices: () => deviceCounts.get(),
    alarms: () => registry.alarms.counts(config.tenant),
    faults: () => faultWatch.faults(),
  });
  const api = createApi({
    listen: { host: config.host, port: config.httpPort },
    registry,
    history: peers.history,
    overview: () => overview.make(),
    ledger: async () => (await overview.make()).ledger,
    audit: () => audit(ledgerSources, clock.now()),
    metrics: async () => [...metrics.snapshot(), ...(await peers.metrics())],
    health: faultWatch,
    pagesDirectory: PAGES,
    signInCodes,
    eraseDevice: (tenant, device) => peers.eraseDevice(tenant, device),
    clock,
    logger,
  });
  const hub = createHub({
    log,
    overview: () => overview.make(),
    authenticate: (headers) => api.authenticateRequest(headers),
    clock,
    logger,
    metrics,
  });
  const relay = createControlRelay({
    outbox: registry.controlOutbox,
    log,
    partitionCount: log.partitionCount,
    clock,
    logger,
  });
  const ticks = createTickWriter({ log, stage: mainStage, clock, logger });

  // In this order: what fills before what drains, and the API last, so that its port means that all is there.
  const services = [relay, ticks, notify, hub, faultWatch, api];
  for (const service of services) await service.start();
  api.server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head));
  return {
    registry,
    adminToken,
    httpPort: api.address?.port ?? 0,
    async stop(signal: AbortSignal) {
      for (const service of services.toReversed()) await service.stop(signal);
      await registry.close();
      log.close();
    },
  };
}
