import { FLEET, FLEET_SIZES } from "./fleet.ts";
import { count, dollars } from "./formats.ts";
import { awsMoney, moneyOf } from "./money.ts";
import { PRICES, PRICE_LIST, type Price } from "./prices.ts";
import { planFleet } from "./strains.ts";
import type { Costs } from "./measured-costs.ts";
import type { Table } from "./scaling-tables.ts";

export function moneyTable(costs: Costs): Table {
  const rows = FLEET_SIZES.map((devices) => {
    const fleet = { ...FLEET, devices };
    const plans = (["low", "mid", "high"] as const).map((luck) => moneyOf(planFleet(fleet, costs, luck)));
    const [, mid] = plans;
    const aws = awsMoney(fleet, costs.stageMessage.mid + costs.functionMessage.mid, costs.telemetryBytes);
    const each = (total: number): string => dollars(total / devices);
    return [
      count(devices),
      ...(mid === undefined ? ["", "", ""] : [each(mid.compute), each(mid.disks), each(mid.traffic)]),
      plans.map(({ total }) => each(total)).join(" / "),
      each(aws.totalBasicIngest),
      each(aws.total),
    ];
  });
  const head = ["devices", "ours: cores", "disks", "between zones", "all: least / median / most"];
  return [[...head, "AWS, Basic Ingest", "AWS, messaging"], ...rows];
}

export function billTable(costs: Costs): Table {
  const aws = awsMoney(FLEET, costs.stageMessage.mid + costs.functionMessage.mid, costs.telemetryBytes);
  const each = (total: number): string => dollars(total / FLEET.devices);
  return [
    [`of a fleet of ${count(FLEET.devices)}, per device and month`, "US dollars"],
    ["IoT Core: connected all the time", each(aws.connectivity)],
    ["IoT Core: messaging", each(aws.messaging)],
    ["IoT Core: one rule with one action", each(aws.rules)],
    ["Kinesis", each(aws.kinesis)],
    ["Lambda", each(aws.lambda)],
    ["AWS with Basic Ingest, verified prices alone", each(aws.totalBasicIngest - aws.rules)],
    ["AWS with messaging, verified prices alone", each(aws.total - aws.rules)],
    ["ours, verified prices alone: cores", each(moneyOf(planFleet(FLEET, costs)).compute)],
  ];
}

export function pricesTable(): Table {
  const all: readonly Price[] = Object.values(PRICES);
  const rows = all.map(({ what, usd, per, source, note, verified }) => {
    return [what, `$${usd}`, per, verified ? "yes" : "**no**", source, note];
  });
  return [[PRICE_LIST, "price", "per", "verified", "address", "note"], ...rows];
}
