import { compareWithSimulation, type Compared } from "./agreement.ts";
import { FLEET, FLEET_SIZES, SIMULATED_SIZES, type Fleet } from "./fleet.ts";
import { bytes, count, figure, percent } from "./formats.ts";
import { moneyOf } from "./money.ts";
import { billTable, moneyTable, pricesTable } from "./money-tables.ts";
import { stormsOf } from "./storm.ts";
import { devicesUpTo, mostStrained, planFleet, STRAINED, strainsOf } from "./strains.ts";
import { spreadOf } from "./tenants.ts";
import { planInstallation } from "./installation.ts";
import type { Costs } from "./measured-costs.ts";
import type { Figure } from "./figure.ts";

/** A table: its head, then its rows. */
export type Table = readonly (readonly string[])[];

const STORM_SECONDS = 60;
const TENANT_DEVICES = 200_000;
const TENANT_COUNT = 50;
const MICRO = 1e6;

/** All tables of docs/scaling.md by name, of the measured costs. */
export function scalingTables(costs: Costs): Readonly<Record<string, Table>> {
  return {
    assumptions: assumptionsTable(FLEET),
    costs: costsTable(costs),
    plan: planTable(costs),
    spread: spreadTable(costs),
    ceilings: ceilingsTable(costs),
    strains: strainsTable(costs),
    simulation: simulationTable(costs),
    storm: stormTable(costs),
    tenants: tenantsTable(costs),
    money: moneyTable(costs),
    bill: billTable(costs),
    prices: pricesTable(),
  };
}

function fleetOf(devices: number): Fleet {
  return { ...FLEET, devices };
}

function assumptionsTable(fleet: Fleet): Table {
  return [
    ["assumed", "value"],
    ["a device sends every", `${fleet.intervalSeconds} s`],
    ["metrics of a message", String(fleet.metrics)],
    ["peak over mean", String(fleet.peakFactor)],
    ["messages that users' functions read", `${100 * fleet.functionShare} %`],
    ["questions of dashboards", `${fleet.questionsPerSecond} per second for each 10,000 devices`],
    ["how busy a thread may be at the peak", `${100 * fleet.utilisation} %`],
    ["threads of a pod of processors", String(fleet.threadsPerPod)],
    ["replicas in Kafka, in ClickHouse", `${fleet.replication}, ${fleet.clickhouseReplicas}`],
    ["days in the log, in the tables", `${fleet.logDays}, ${fleet.historyDays}`],
  ];
}

function costsTable(costs: Costs): Table {
  const line = (what: string, unit: string, { low, mid, high, source, runs }: Figure, factor: number): string[] => {
    return [what, unit, figure(mid * factor), `${figure(low * factor)}–${figure(high * factor)}`, String(runs), source];
  };
  return [
    ["what", "unit", "median", "least–most", "runs", "of docs/benchmarks/raw"],
    line("gateway: a message to PUBACK", "µs of CPU", costs.gatewayMessage, MICRO),
    line("gateway: a connection, TCP", "µs of CPU", costs.connect, MICRO),
    line("gateway: a connection, TLS resumed", "µs of CPU", costs.connectTlsResumed, MICRO),
    line("gateway: a connection, TLS new", "µs of CPU", costs.connectTls, MICRO),
    line("gateway: an open connection", "kB", costs.connectionBytes, 1e-3),
    line("processors: a message through stage `main`", "µs of CPU", costs.stageMessage, MICRO),
    line("functions: a message through a `defineMap`", "µs of CPU", costs.functionMessage, MICRO),
    line("sink: a row", "µs by the clock", costs.sinkRow, MICRO),
    line("ClickHouse: a row with roll-ups and merges", "µs of CPU", costs.clickhouseRow, MICRO),
    line("ClickHouse: a question", "ms of CPU", costs.question, 1e3),
    line("ClickHouse: a row on disk, all tables", "bytes", costs.rowBytes, 1),
    line("api: a message that the hub follows", "µs of CPU", costs.hubMessage, MICRO),
    line("outputs of a message", "bytes", costs.outputBytes, 1),
    line("journal of a message", "bytes", costs.journalBytes, 1),
    ["a message in `telemetry`", "bytes", figure(costs.telemetryBytes), "-", "-", "made, not measured"],
    [
      "growth of a message's cost with a thread's devices",
      "exponent",
      costs.growth.exponent.toFixed(3),
      "-",
      "-",
      `growth.json, measured up to ${count(costs.growth.devices)}`,
    ],
  ];
}

function planTable(costs: Costs): Table {
  const head = [
    "devices",
    "messages/s at the peak",
    "installations",
    "each: pods of gateways",
    "partitions",
    "processors: threads (pods)",
  ];
  const rows = FLEET_SIZES.map((devices) => {
    const { installations, each } = planFleet(fleetOf(devices), costs);
    return [
      count(devices),
      count(each.peakPerSecond * installations),
      count(installations),
      count(each.gateways),
      count(each.partitions),
      threadsAndPods(each.processorThreads, each.fleet),
      threadsAndPods(each.functionThreads, each.fleet),
      count(each.brokers),
      `${each.fleet.clickhouseReplicas} × ${count(each.clickhouseCores)}`,
      `${figure(each.kafkaBytesPerSecond / 1e6)} MB/s`,
      bytes(each.logBytes * installations),
      bytes(each.historyBytes * installations),
    ];
  });
  return [
    [...head, "functions: threads (pods)", "brokers", "cores of ClickHouse", "into Kafka", "all: log", "all: tables"],
    ...rows,
  ];
}

/** The same with the quickest and with the slowest runs. */
function spreadTable(costs: Costs): Table {
  const rows = FLEET_SIZES.map((devices) => {
    const plans = (["low", "mid", "high"] as const).map((luck) => planFleet(fleetOf(devices), costs, luck));
    return [
      count(devices),
      plans.map(({ installations }) => count(installations)).join(" / "),
      plans.map((plan) => count(moneyOf(plan).cores)).join(" / "),
    ];
  });
  return [["devices", "installations: least / median / most", "cores of all"], ...rows];
}

const INTERVALS = [10, 60, 600] as const;

function ceilingsTable(costs: Costs): Table {
  const rows = STRAINED.map((what) => {
    const cells = INTERVALS.map((intervalSeconds) => {
      const upTo = (luck: "low" | "high"): string =>
        count(Number(devicesUpTo(what, { ...FLEET, intervalSeconds }, costs, luck).toPrecision(2)));
      return `${upTo("high")}–${upTo("low")}`;
    });
    return [what, ...cells];
  });
  return [["of one installation", ...INTERVALS.map((seconds) => `devices, every ${seconds} s`)], ...rows];
}

function strainsTable(costs: Costs): Table {
  const rows = FLEET_SIZES.map((devices) => {
    const one = planInstallation(fleetOf(devices), costs, "mid");
    const strains = strainsOf(one);
    const first = mostStrained(one);
    return [
      count(devices),
      ...STRAINED.map((what) => percent(strains[what])),
      first.what,
      first.strain > 1 ? "no" : "yes",
    ];
  });
  return [["devices in one installation", ...STRAINED, "first", "fits"], ...rows];
}

function simulationTable(costs: Costs): Table {
  const rows = SIMULATED_SIZES.flatMap((devices) => {
    const { installations, each } = planFleet(fleetOf(devices), costs);
    return compareWithSimulation(each).map((compared) => [
      count(devices),
      count(installations),
      ...comparedCells(compared),
    ]);
  });
  const head = ["devices", "installations", "role", "busy: model", "simulated", "lag, ms: model"];
  return [[...head, "simulated", "agrees"], ...rows];
}

function comparedCells({ expected, seen, agrees }: Compared): readonly string[] {
  return [
    seen.role,
    percent(expected.utilisation),
    percent(seen.utilisation),
    figure(expected.lagSeconds * 1000),
    figure(seen.lagSeconds * 1000),
    agrees ? "yes" : "NO",
  ];
}

function stormTable(costs: Costs): Table {
  const rows = SIMULATED_SIZES.flatMap((devices) => {
    const { installations, each } = planFleet(fleetOf(devices), costs);
    return stormsOf(each, costs, STORM_SECONDS).map((storm) => [
      count(devices),
      storm.kind,
      count(storm.connectsPerSecond * installations),
      count(storm.connectsPerSecond / each.gateways),
      percent(storm.utilisation),
      `${figure(storm.backAfterSeconds)} s`,
      `${count(each.gateways * installations)} / ${count(storm.gatewaysNeeded * installations)}`,
    ]);
  });
  const head = ["devices", "connections", "per second, all", "per second and gateway", "a gateway's thread"];
  return [[...head, "all are back after", "gateways: planned / for 60 s"], ...rows];
}

function tenantsTable(costs: Costs): Table {
  const { each } = planFleet(FLEET, costs);
  const rows = [0.02, 0.25, 0.5, 0.9].map((share) => {
    const spread = spreadOf(share, TENANT_DEVICES, TENANT_COUNT, each.partitions);
    return [percent(share), `${spread.byDevice.toFixed(2)} ×`, `${spread.byTenant.toFixed(1)} ×`];
  });
  const head = ["one tenant has", "busiest partition over the mean, by tenant/device", "if it were by tenant"];
  return [head, ...rows];
}

function threadsAndPods(threads: number, { threadsPerPod }: Fleet): string {
  return `${count(threads)} (${count(Math.ceil(threads / threadsPerPod))})`;
}
