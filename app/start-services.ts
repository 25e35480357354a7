import { fileURLToPath } from "node:url";
import { createApi } from "../api/api.ts";
import { LIMITS } from "../core/limits.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { createMetrics } from "../core/metrics.ts";
import { createHub } from "../dashboard/hub.ts";
import { holdFile } from "../log/embedded/held-file.ts";
import { mainStage } from "../processors/main-stage.ts";
import { openRegistry } from "../registry/open-registry.ts";
import { JOINS_STAGE } from "../core/stage.ts";
import { createFunctionsStages } from "../runtime/functions-stages.ts";
import { IdleStages } from "../runtime/idle-stages.ts";
import { createControlRelay } from "../runtime/control-relay.ts";
import { createTickWriter } from "../runtime/tick-writer.ts";
import { createNotifySink } from "../sinks/notify/notify-sink.ts";
import { deadLetterSource } from "./dead-letter-source.ts";
import { createShadowReplay } from "./functions/shadow-replay.ts";
import { outlineCode } from "./functions/check-functions.ts";
import { createDeviceCounts } from "./device-counts.ts";
import { createKeyCounts } from "./key-counts.ts";
import { slowDevices } from "./slow-devices.ts";
import { untilErased } from "./until-erased.ts";
import { canaryCounts, watchCanaries } from "./canary-counts.ts";
import { usageByStage } from "./function-usage.ts";
import { createFaultBoard } from "./fault-board.ts";
import { audit } from "./ledger/audit.ts";
import { rollupRetention } from "./rollup-settings.ts";
import { createForwarding } from "./forwarding.ts";
import { requiredBacklogs } from "./ledger/backlogs.ts";
import { hopsSwitchedOff } from "./ledger/hops.ts";
import { createOverviewMaker } from "./ledger/overview-maker.ts";
import { openThreadLog } from "./thread-log.ts";
import { openTracing } from "./tracing/open-tracing.ts";
import { JOURNALS } from "./journals.ts";
import { leased } from "./leased.ts";
import { withLocalToken } from "./local-credential.ts";
import { createLogger } from "./logging.ts";
import { partitionView } from "./partition-view.ts";
import { openScaling } from "./open-scaling.ts";
import { stagesOf } from "./stages.ts";
import { packageVersion } from "./package-version.ts";
import { createPeers } from "./peers.ts";
import { createFaultWatch } from "./platform-faults.ts";
import { FollowedSink } from "../sinks/clickhouse/followed-sink.ts";
import { JournalTotals } from "./ledger/journal-totals.ts";
import { plainHost } from "./config.ts";
import { createReplays } from "./replay/request-replay.ts";
import { rolesOf } from "./roles.ts";
import { createWhys } from "./why/create-whys.ts";
import type { SignInCodes } from "../api/sign-in-codes.ts";
import type { Clock } from "../core/clock.ts";
import type { Service } from "../core/lifecycle.ts";
import type { StageTotals } from "../runtime/stage-runner.ts";
import type { OpenRegistry } from "../registry/open-registry.ts";
import type { NotifySink } from "../sinks/notify/notify-sink.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { PartHealth } from "./part-health.ts";
import type { ServicesThreadData } from "./services-thread-data.ts";
import type { FaultWatch, FaultWatchOptions } from "./platform-faults.ts";

const REGISTRY_LOST =
  "the registry's file was deleted or replaced while it was in use, and changes vanish with this process: stop Millrace, put the file back or restore a backup, and start it again";
const PAGES = fileURLToPath(new URL("../dist/web/", import.meta.url));

/** What every part of the services thread is made from. */
type Base = Awaited<ReturnType<typeof openBase>>;

/** Opens the registry, starts the services of this process's roles in order, and hands out what other threads ask for. */
export async function startServices(data: ServicesThreadData, clock: Clock, signInCodes: SignInCodes) {
  const base = await openBase(data, clock);
  const { config, registry, log, logger, metrics, roles } = base;
  const notifyFaults = createFaultBoard();
  const scaling = await openScaling(base);
  const notify = leased(log.groups([0]), JOURNALS.notify, () => createNotify(base, notifyFaults, data.webhookSecret));
  const forwarding = createForwarding(base, data.installation);
  const faultWatch = watchFaults(base, (fault, state) => notify.current?.platformFault(fault.id, state, fault.text), {
    registry: base.registryHealth,
    ...scaling.health,
    notify: () => notifyFaults.health(notify.current?.notReadyReasons() ?? []),
    forward: () => forwarding.health(),
    // Nobody loses data when a browser sees none: a fault, and no reason to be unready.
    dashboard: () => ({ reasons: [], faults: hub.notReadyReasons().map((text) => ({ id: "log", text })), events: [] }),
  });
  const { keyCounts, ...ledger } = createLedger(base, faultWatch);
  const api = createApi({
    listen: { host: plainHost(config), port: config.httpPort },
    surface: roles.has("api") ? "all" : "probes",
    registry,
    history: base.peers.history,
    rejects: base.peers.rejects,
    deadLetters:
      base.peers.deadLetters === null ? null : deadLetterSource(base.peers.deadLetters, base.log, registry.functions),
    edge: base.peers.edge,
    ...createWhys({ log, registry }),
    replays: createReplays({ registry, tenant: config.tenant, threads: base.peers.replays, clock }),
    ...ledger,
    slowDevices: (query) =>
      slowDevices({ paces: (tenant) => hub.paces(tenant), counts: keyCounts, devices: registry.devices, clock }, query),
    partitions: () => partitionView(log, log.groups([0]), clock),
    metrics: async () => [...metrics.snapshot(), ...(await base.peers.metrics())],
    canaryCounts: async () => canaryCounts(await base.peers.metrics()),
    functionUsage: async () =>
      usageByStage(await base.peers.metrics(), await registry.functions.stageSettings(), config.functionMemoryMib),
    health: faultWatch,
    pagesDirectory: roles.has("api") ? PAGES : null,
    signInCodes,
    outlineFunctions: outlineCode,
    shadow: createShadowReplay({ log, registry, clock }),
    async eraseDevice(tenant, device) {
      if (config.clickhouse) await untilErased(tenant, device, { log, controlOutbox: registry.controlOutbox });
    },
    clock,
    logger,
  });
  const hub = createHub({
    log,
    overview: ledger.overview,
    authenticate: (headers) => api.authenticateRequest(headers),
    clock,
    logger,
    metrics,
  });
  if (roles.has("api")) api.server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head));

  // In this order: what fills before what drains, and the API last, so that its port means that all is there.
  const services: Service[] = [
    ...controlServices(base),
    ...scaling.services,
    ...(roles.has("sinks") ? [notify, forwarding] : []),
    ...(roles.has("api") ? [hub] : []),
    faultWatch,
    api,
  ];
  for (const service of services) await service.start();
  return {
    registry,
    adminToken: base.adminToken,
    httpPort: api.address.port,
    async stop(signal: AbortSignal) {
      for (const service of services.toReversed()) await service.stop(signal);
      await base.tracing.stop(signal);
      await registry.close();
      await log.close(signal);
    },
  };
}

function controlServices(base: Base): Service[] {
  const { log, roles, keepsControl } = base;
  const control = leased(log.groups([0]), JOURNALS.retention, () => createControl(base));
  return [...(keepsControl ? [control] : []), ...(roles.has("processors") ? [watchCanaries(base)] : [])];
}

/** What fills the stage's input besides messages: control records and ticks. */
function createControl({ registry, log, clock, logger }: Base): Service {
  const { partitionCount, generation } = log;
  const outbox = registry.controlOutbox;
  const stages = createFunctionsStages({ log, outbox, generation, partitionCount, clock });
  const live = async () => {
    const names = [...(await registry.functions.stages()).values()].map(functionsStageName);
    return new Set((await registry.functions.runsJoin()) ? [...names, JOINS_STAGE.name] : names);
  };
  const idleStages = new IdleStages({ log, stages, live, monotonic: { now: () => performance.now() }, logger });
  const relay = createControlRelay({ outbox, log, stages, idleStages, partitionCount, clock, logger });
  const ticks = createTickWriter({ log, stages: stagesOf, clock, logger });
  return {
    async start() {
      await relay.start();
      await ticks.start();
    },
    async stop(signal) {
      await ticks.stop(signal);
      await relay.stop(signal);
    },
  };
}

async function openBase(data: ServicesThreadData, clock: Clock) {
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
  const log = await openThreadLog(data.access, config, { clock, logger, metrics, keepsRetention: keepsControl });
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

function createNotify(base: Base, faults: FaultBoard, webhookSecret: string): NotifySink {
  const { config, log, registry, clock, logger, metrics } = base;
  return createNotifySink({
    log,
    alarms: registry.alarms,
    outbox: registry.notifications,
    tracer: base.tracing.tracer,
    webhooks: config.webhookUrl === undefined ? [] : [{ url: config.webhookUrl, secret: webhookSecret }],
    clock,
    logger,
    metrics,
    onFault: faults.report,
  });
}

/** `own`: the parts of this thread. */
function watchFaults(
  base: Base,
  onChange: FaultWatchOptions["onChange"],
  own: Readonly<Record<string, () => PartHealth>>,
): FaultWatch {
  const { config, peers, log, clock, logger } = base;
  const ownParts = Object.entries(own).map(([part, health]) => [part, async () => health()] as const);
  return createFaultWatch({
    parts: { ...peers.health, ...Object.fromEntries(ownParts) },
    status: () => log.status(),
    backlogs: (status) => requiredBacklogs(status, config),
    lagMax: LIMITS.consumerLagRecordsMax,
    onChange,
    clock,
    logger,
  });
}

function createLedger(base: Base, faultWatch: FaultWatch) {
  const { config, log, peers, registry, clock } = base;
  const follow = log.follow?.bind(log);
  const { partitionCount } = log;
  const sink = follow && new FollowedSink(follow({ name: JOURNALS.clickhouse, partition: 0 }));
  const journals = follow && new JournalTotals({ stage: mainStage.name, partitionCount, follow });
  /** Of this process's threads when they have all partitions, else from the journals. */
  const allTotals = async (own: () => Promise<readonly StageTotals[]>): Promise<readonly StageTotals[]> => {
    const totals = await own();
    const count = totals.reduce((sum, { partitions }) => sum + partitions.length, 0);
    return journals === undefined || count === partitionCount ? totals : [await journals.look()];
  };
  const sources = {
    stage: mainStage.name,
    firstGeneration: base.firstGeneration,
    log,
    totals: () => allTotals(peers.totals),
    history: () => peers.history,
    erasures: async () => (await peers.erasures()) ?? (await sink?.erasures()) ?? [],
    settled: async () => (await peers.settled()) ?? (await sink?.settled()) ?? null,
  };
  const deviceCounts = createDeviceCounts(registry.devices, config.tenant, clock);
  const maker = createOverviewMaker({
    ...sources,
    clock,
    off: hopsSwitchedOff(config),
    sums: () => allTotals(peers.sums),
    devices: () => deviceCounts.get(),
    alarms: () => registry.alarms.counts(config.tenant),
    faults: () => faultWatch.faults(),
  });
  return {
    overview: () => maker.make(),
    ledger: async () => (await maker.make()).ledger,
    audit: () => audit(sources, clock.now()),
    keyCounts: createKeyCounts(peers, allTotals),
  };
}
