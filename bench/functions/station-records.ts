import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { HEADER } from "../../core/record.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { ControlRecord, DeviceState } from "../../core/control.ts";
import type { Header, RecordInput } from "../../core/record.ts";

/** What weather stations send: records for stages that are measured. Stations send one after the other, again and again: `index` counts their messages. */
export const T0 = Date.UTC(2026, 0, 1);
const TENANT = "bench";
const TYPE = "station";
const METRICS = ["temperature", "humidity", "pressure", "co2", "pm25", "battery"];

interface FleetConfig {
  /** Whether a device lies in the partition. */
  readonly isOwn?: (device: number) => boolean;
  readonly labels?: (device: number) => Readonly<Record<string, string>>;
}

/** The first record: one type, the rules, the devices of a partition. */
export function configRecord(
  devices: number,
  rules: readonly AlarmRule[],
  { isOwn = () => true, labels = () => ({}) }: FleetConfig = {},
): RecordInput {
  const type = deviceTypeSchema.parse({ tenant: TENANT, id: TYPE, allowedLatenessMs: 60_000 });
  const own = Array.from({ length: devices }, (_, index) => index).filter(isOwn);
  const states = own.map((index) => deviceState(index, devices, labels(index)));
  return controlRecord(
    { v: 1, kind: "config-snapshot", revision: 1, types: [type], rules: [...rules], devices: states },
    T0,
  );
}

/** A change of one device, which came at `receivedAt`. */
export function deviceRecord(
  device: number,
  devices: number,
  { revision, receivedAt, labels }: { revision: number; receivedAt: number; labels: Readonly<Record<string, string>> },
): RecordInput {
  const state = deviceState(device, devices, labels);
  return controlRecord({ v: 1, kind: "device", revision, removed: false, device: state }, receivedAt);
}

/** A rule that never raises. */
export function stationRule(
  id: string,
  metric: string,
  labels: Readonly<Record<string, string>> | null = null,
): AlarmRule {
  return alarmRuleSchema.parse({
    tenant: TENANT,
    id,
    name: id,
    severity: "high",
    ...(labels === null ? {} : { select: { labels } }),
    condition: { kind: "threshold", metric, op: ">", value: 1e6, deadband: 0 },
    onDelayMs: 0,
    offDelayMs: 0,
  });
}

/** As the gateway appends it. */
export function telemetryRecord(index: number, devices: number, ts: number): RecordInput {
  const device = deviceId(index, devices);
  const headers: Header[] = [
    [HEADER.mqttTopic, `millrace/${TENANT}/${device}/telemetry`],
    [HEADER.qos, "1"],
    [HEADER.dup, "0"],
    [HEADER.packetId, String(1 + (Math.floor(index / devices) % 65_535))],
    [HEADER.clientId, device],
    [HEADER.principal, `device:${device}`],
    [HEADER.format, "json"],
    [HEADER.admissionId, `g.1.${index}`],
  ];
  const value = Buffer.from(JSON.stringify({ ts, values: metricsOf(index) }));
  return { timestamp: ts, key: `${TENANT}/${device}`, value, headers };
}

/** As stage `main` emits it. */
export function readingRecord(index: number, devices: number, ts: number): RecordInput {
  const device = deviceId(index, devices);
  const headers: Header[] = [
    [HEADER.source, `main telemetry 0 0 ${index} 0 0`],
    [HEADER.functionVersion, "clean@1"],
  ];
  const body = { v: 1, tenant: TENANT, device, ts, received: ts, metrics: metricsOf(index) };
  return { timestamp: ts, key: `${TENANT}/${device}`, value: Buffer.from(JSON.stringify(body)), headers };
}

function controlRecord(control: ControlRecord, timestamp: number): RecordInput {
  const value = Buffer.from(JSON.stringify(control));
  return { timestamp, key: null, value, headers: [[HEADER.controlKind, control.kind]] };
}

function deviceState(index: number, devices: number, labels: Readonly<Record<string, string>>): DeviceState {
  return { tenant: TENANT, id: deviceId(index, devices), type: TYPE, labels, disabled: false };
}

function deviceId(index: number, devices: number): string {
  return `station-${String(index % devices).padStart(5, "0")}`;
}

/** Values that change and have one or two decimals, as sensors send them. */
function metricsOf(index: number): Record<string, number> {
  return Object.fromEntries(METRICS.map((name, place) => [name, (2001 + ((index * 7 + place * 131) % 5000)) / 100]));
}
