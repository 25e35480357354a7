import type { Clock } from "../../core/clock.ts";
import type { AlarmEvent, Reading } from "../../core/derived-records.ts";
import type { Hop, LedgerReport, Overview } from "../../core/overview.ts";
import type { AlarmState, Device } from "../../core/registry.ts";
import { SEVERITIES } from "../../core/alarm-rule.ts";
import { deviceAt, metricsAt, MOCK_TYPES, seriesOf } from "./mock-values.ts";

export type MockScenario = "busy" | "calm" | "empty" | "hundred-alarms" | "thousands" | "no-history" | "faults";

export interface MockFleet {
  tick(): void;
  overview(): Overview;
  answer(path: string, query: URLSearchParams): readonly [status: number, body: unknown];
}

type Emit = (topic: "readings" | "alarms", value: Reading | AlarmEvent) => void;

const RULES = [
  { id: "hot", name: "Temperature high", metric: "temperature", op: ">", value: 24, severity: "high" },
  { id: "vibration", name: "Bearing vibration", metric: "vibration", op: ">=", value: 2.2, severity: "critical" },
  { id: "dust", name: "Fine dust", metric: "PM2.5", op: ">", value: 150, severity: "medium" },
  { id: "low-flow", name: "Low flow", metric: "flow", op: "<", value: 30, severity: "low" },
] as const;

/** A fleet whose values depend on nothing but device, metric and time. */
export function createMockFleet(scenario: MockScenario, clock: Clock, emit: Emit): MockFleet {
  const startedAt = clock.now();
  const count = { empty: 0, thousands: 4000, calm: 40, busy: 60, "hundred-alarms": 120, "no-history": 20, faults: 60 }[
    scenario
  ];
  const devices = Array.from({ length: count }, (_, i) => deviceAt(i, startedAt));
  const silent = scenario === "calm" ? 0 : Math.floor(count / 20);
  const alarms = alarmsOf(scenario, devices, startedAt);
  let ticks = 0;

  const tick = () => {
    ticks += 1;
    const now = clock.now();
    devices.forEach((device, i) => {
      if (i >= count - silent ? ticks > 1 : count > 200 && (i + ticks) % 10 !== 0) return;
      const received = i >= count - silent ? now - (i + 3) * 61_000 : now;
      emit("readings", {
        v: 1,
        tenant: "default",
        device: device.id,
        ts: received - (i % 7) * 40,
        received,
        metrics: metricsAt(device, received),
      });
    });
    if (scenario === "busy" && ticks % 20 === 10) {
      const alarm = makeAlarm(alarms.size, devices[ticks % 11] ?? deviceAt(0, now), now, true);
      alarms.set(alarm.id, alarm);
      emit("alarms", {
        v: 1,
        tenant: "default",
        device: alarm.device,
        id: alarm.id,
        rule: alarm.rule,
        ruleName: alarm.ruleName,
        severity: alarm.severity,
        transition: "raised",
        ts: now,
        since: now - 5000,
        received: now,
        message: alarm.message,
      });
    }
  };

  return {
    tick,
    overview: () => overviewOf(scenario, clock.now(), startedAt, count, silent, [...alarms.values()]),
    answer(path, query) {
      const [, collection, id, part] = path.split("/").map(decodeURIComponent);
      if (collection === "session") return [200, { tenant: "default", name: "mock" }];
      if (collection === "types")
        return [
          200,
          {
            items: MOCK_TYPES.map((t) => ({
              tenant: "default",
              id: t.id,
              name: "",
              metrics: Object.fromEntries(Object.entries(t.metrics).map(([m, unit]) => [m, { unit, kind: "number" }])),
            })),
          },
        ];
      if (collection === "rules")
        return [
          200,
          {
            items: RULES.map(({ metric, op, value, ...rule }) => ({
              ...rule,
              tenant: "default",
              select: {},
              enabled: true,
              condition: { kind: "threshold", metric, op, value, deadband: 0 },
            })),
          },
        ];
      if (collection === "alarms") return [200, alarmPage([...alarms.values()], query)];
      if (collection === "latest") return scenario === "no-history" ? noHistory() : [200, { items: [] }];
      if (collection === "devices" && id === undefined) return [200, devicePage(devices, query)];
      const device = devices.find((known) => known.id === id);
      if (device === undefined)
        return [
          404,
          { code: "NOT_FOUND", detail: `There is no device "${id}".`, remedy: "Look at the list of devices." },
        ];
      if (part !== "series") return [200, { ...device, lastSeen: clock.now() - 800 }];
      if (scenario === "no-history") return noHistory();
      return [200, seriesOf(device, query, clock.now(), startedAt)];
    },
  };
}

function alarmsOf(scenario: MockScenario, devices: readonly Device[], now: number): Map<string, AlarmState> {
  const wanted = { empty: 0, calm: 12, busy: 14, "hundred-alarms": 160, thousands: 300, "no-history": 3, faults: 14 }[
    scenario
  ];
  const active = { empty: 0, calm: 0, busy: 4, "hundred-alarms": 100, thousands: 30, "no-history": 1, faults: 4 }[
    scenario
  ];
  const made = Array.from({ length: wanted }, (_, i) =>
    makeAlarm(i, devices[(i * 7) % devices.length] ?? deviceAt(0, now), now - (i + 1) * 137_000, i < active),
  );
  return new Map(made.map((alarm) => [alarm.id, alarm]));
}

function makeAlarm(i: number, device: Device, raisedAt: number, active: boolean): AlarmState {
  const rule = RULES[(i * 3 + 1) % RULES.length] ?? RULES[0];
  const severity = SEVERITIES[i % SEVERITIES.length] ?? "low";
  const value = Number((rule.value * 1.04).toFixed(2));
  return {
    id: `default:${device.id}:${rule.id}:${raisedAt}`,
    tenant: "default",
    device: device.id,
    rule: rule.id,
    ruleName: rule.name,
    severity,
    active,
    raisedAt,
    clearedAt: active ? null : raisedAt + 95_000,
    metric: rule.metric,
    value,
    message: `${rule.metric} was ${value}, ${rule.op} ${rule.value} for 30 s`,
  };
}

function alarmPage(alarms: readonly AlarmState[], query: URLSearchParams) {
  const items = alarms
    .filter(
      (a) =>
        (query.get("active") ?? String(a.active)) === String(a.active) &&
        (query.get("device") ?? a.device) === a.device,
    )
    .sort((a, b) => b.raisedAt - a.raisedAt);
  return { items: items.slice(0, Number(query.get("limit") ?? 100)), next: null };
}

function devicePage(devices: readonly Device[], query: URLSearchParams) {
  const search = query.get("search") ?? "";
  const start = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 100);
  const found = devices.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(search.toLowerCase()));
  return {
    items: found.slice(start, start + limit),
    next: start + limit < found.length ? String(start + limit) : null,
  };
}

function noHistory(): readonly [number, unknown] {
  return [
    503,
    { code: "SINK_UNAVAILABLE", detail: "ClickHouse does not answer.", remedy: "Start it, or look at its log." },
  ];
}

function overviewOf(
  scenario: MockScenario,
  at: number,
  startedAt: number,
  total: number,
  silent: number,
  alarms: readonly AlarmState[],
): Overview {
  const seconds = Math.floor((at - startedAt) / 1000) + 86_400;
  const rate = total === 0 ? 0 : Math.round(total * (1 + 0.08 * Math.sin(at / 9000)) * 10) / 10;
  const text = "ClickHouse does not answer. Readings stay in the log and are inserted when it is back.";
  return {
    at,
    hops: hopsOf(scenario, rate),
    ledger: ledgerOf(scenario, total * seconds),
    devices: { total, reporting: total - silent, silent },
    alarms: { active: alarms.filter((a) => a.active).length, total: alarms.length },
    faults: scenario === "faults" ? [{ id: "clickhouse-down", since: at - 372_000, text }] : [],
  };
}

function hopsOf(scenario: MockScenario, rate: number): readonly Hop[] {
  const start: readonly Hop[] = [
    { name: "in", ratePerSecond: rate, lag: 0, state: "ok" },
    { name: "processors", ratePerSecond: rate, lag: rate === 0 ? 0 : 3, state: "ok" },
  ];
  const isOff = scenario === "no-history";
  if (scenario === "faults") {
    return [
      ...start,
      { name: "clickhouse", ratePerSecond: 0, lag: 48_211, state: "stopped" },
      { name: "notify", ratePerSecond: 0.2, lag: 6400, state: "lagging" },
    ];
  }
  return [
    ...start,
    { name: "clickhouse", ratePerSecond: isOff ? 0 : rate * 1.01, lag: isOff ? 0 : rate, state: isOff ? "off" : "ok" },
    { name: "notify", ratePerSecond: 0, lag: 0, state: "ok" },
  ];
}

function ledgerOf(scenario: MockScenario, admitted: number): LedgerReport {
  const duplicate = Math.floor(admitted * 0.004);
  const quarantined = Math.floor(admitted * 0.0006);
  const inFlight = admitted === 0 ? 0 : 3;
  const deadLettered = scenario === "faults" ? 12 : 0;
  const difference = scenario === "faults" ? 2 : 0;
  const processed = admitted - duplicate - quarantined - inFlight - deadLettered - difference;
  const produced = admitted * 4;
  const stored = produced - quarantined;
  const checked = scenario !== "no-history";
  return {
    messages: {
      admitted,
      processed,
      duplicate,
      quarantined,
      deadLettered,
      expired: 0,
      corrupt: 0,
      inFlight,
      difference,
    },
    values: { produced, stored, filtered: 0, quarantined, inFlight: 0, difference: 0, checked },
    late: admitted === 0 ? { dropped: 0, forAlarm: 0 } : { dropped: 18, forAlarm: 4 },
  };
}
