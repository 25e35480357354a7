import { fileURLToPath } from "node:url";
import { createApi } from "../api/api.ts";
import { LIMITS } from "../core/limits.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { createHub } from "../dashboard/hub.ts";
import { mainStage } from "../processors/main-stage.ts";
import { JOINS_STAGE } from "../core/stage.ts";
import { createFunctionsStages } from "../runtime/functions-stages.ts";
import { IdleStages } from "../runtime/idle-stages.ts";
import { createControlRelay } from "../runtime/control-relay.ts";
import { createTickWriter } from "../runtime/tick-writer.ts";
import { createNotifySink } from "../sinks/notify/notify-sink.ts";
import { deadLetterSource } from "./dead-letter-source.ts";
import { createShadowReplay } from "./functions/shadow-replay.ts";
import { createFunctionChecks } from "./functions/function-checks.ts";
import { threadBundle } from "./thread-bundle/thread-bundle.ts";
import { createDeviceCounts } from "./device-counts.ts";
import { createKeyCounts } from "./key-counts.ts";
import { slowDevices } from "./slow-devices.ts";
import { untilErased } from "./until-erased.ts";
import { canaryCounts, watchCanaries } from "./canary-counts.ts";
import { usageByStage } from "./function-usage.ts";
import { createFaultBoard } from "./fault-board.ts";
import { audit } from "./ledger/audit.ts";
import { createDiskSpace } from "./disk-space.ts";
import { createForwarding } from "./forwarding.ts";
import { requiredBacklogs } from "./ledger/backlogs.ts";
import { hopsSwitchedOff } from "./ledger/hops.ts";
import { createOverviewMaker } from "./ledger/overview-maker.ts";
import { JOURNALS } from "./journals.ts";
import { leased } from "./leased.ts";
import { partitionView } from "./partition-view.ts";
import { openScaling } from "./open-scaling.ts";
import { stagesOf } from "./stages.ts";
import { StandingPartitions } from "./standing-partitions.ts";
import { createFaultWatch } from "./platform-faults.ts";
import { FollowedSink } from "../sinks/clickhouse/followed-sink.ts";
import { JournalTotals } from "./ledger/journal-totals.ts";
import { plainHost } from "./config.ts";
import { closeBase, type Base } from "./services-base.ts";
import { createReplays } from "./replay/request-replay.ts";
import { createWhys } from "./why/create-whys.ts";
import type { SignInCodes } from "../api/sign-in-codes.ts";
import type { Service } from "../core/lifecycle.ts";
import type { StageTotals } from "../runtime/stage-runner.ts";
import type { NotifySink } from "../sinks/notify/notify-sink.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { PartHealth } from "./part-health.ts";
import type { ServicesThreadData } from "./services-thread-data.ts";
import type { FaultWatch, FaultWatchOptions } from "./platform-faults.ts";

const PAGES = fileURLToPath(new URL("../dist/web/", import.meta.url));

const SMALL_HUB = {
  recentReadingsPerDeviceMax: LIMITS.smallRecentReadingsPerDeviceMax,
  recentReadingsMax: LIMITS.smallRecentReadingsMax,
};

/** Starts the services of this process's roles in order, and hands out what other threads ask for. */
export async function startServices(data: ServicesThreadData, base: Base, signInCodes: SignInCodes) {
  const { clock } = base;
  if (base.keepsControl) base.log.beginRetention?.();
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
  const diskSpace = createDiskSpace({ path: config.data, logger });
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
    metrics: async () => [...metrics.snapshot(), ...(await diskSpace()), ...(await base.peers.metrics())],
    canaryCounts: async () => canaryCounts(await base.peers.metrics()),
    functionUsage: async () =>
      usageByStage(await base.peers.metrics(), await registry.functions.stageSettings(), config.functionMemoryMib),
    health: faultWatch,
    pagesDirectory: roles.has("api") ? PAGES : null,
    signInCodes,
    outlineFunctions: createFunctionChecks({ config, functions: registry.functions, bundle: threadBundle, logger }),
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
    limits: config.footprint === "small" ? SMALL_HUB : {},
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
      await closeBase(base, signal);
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
  const standing = new StandingPartitions();
  const ownParts = Object.entries(own).map(([part, health]) => [part, async () => health()] as const);
  return createFaultWatch({
    parts: { ...peers.health, ...Object.fromEntries(ownParts) },
    status: () => log.status(),
    backlogs: (status) => requiredBacklogs(status, config),
    lagMax: LIMITS.consumerLagRecordsMax,
    standing: (status, now) => standing.look(status, now),
    onChange,
    clock,
    logger,
  });
}

function functionLetters({ rejects }: Base["peers"], tenant: string): (() => Promise<number>) | null {
  return rejects === null ? null : () => rejects.functionDeadLetters(tenant);
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
    functionLetters: functionLetters(peers, config.tenant),
    faults: () => faultWatch.faults(),
  });
  return {
    overview: () => maker.make(),
    ledger: async () => (await maker.make()).ledger,
    audit: () => audit(sources, clock.now()),
    keyCounts: createKeyCounts(peers, allTotals),
  };
}
