import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { excerpt } from "./excerpt.ts";
import { EXIT, formatTable } from "./output.ts";
import { parseTimeText } from "./time-text.ts";
import { defaultDeviceType } from "../../core/device-type.ts";
import type { Aggregate, DeadLetter, Quarantined } from "../../core/derived-records.ts";
import type { RawReading } from "../../core/history.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { AlarmState, Device, Page } from "../../core/registry.ts";
import type { ApiClient } from "./api-client.ts";

export interface QueryOptions {
  readonly json: boolean;
  readonly metric?: string;
  readonly from?: string;
  readonly to?: string;
  readonly size: string;
  readonly limit: string;
}

interface Items<T> {
  readonly items: readonly T[];
}

/** `millrace query readings|aggregates|alarms|quarantine|dead-letters [DEVICE]`. */
export async function queryCommand(
  api: ApiClient,
  what: string,
  device: string | undefined,
  options: QueryOptions,
): Promise<number> {
  switch (what) {
    case "readings": {
      const { items } = await api.get<Items<RawReading>>(devicePath(what, device, options));
      const nothing = items.length > 0 || device === undefined ? undefined : await noReadingsText(api, device);
      return print(items, options, readingRows, nothing);
    }
    case "aggregates": {
      const { items } = await api.get<Items<Aggregate>>(devicePath(what, device, options));
      const nothing = items.length > 0 || device === undefined ? undefined : await sizesText(api, device, options.size);
      return print(items, options, aggregateRows, nothing);
    }
    case "alarms": {
      const query = new URLSearchParams({ limit: options.limit, ...(device === undefined ? {} : { device }) });
      const page = await api.get<Page<AlarmState>>(`/alarms?${query.toString()}`);
      return print(page.items, options, alarmRows);
    }
    case "quarantine":
      return print((await api.get<Items<Quarantined>>(rejectsPath(what, device, options))).items, options, rejectRows);
    case "dead-letters":
      return print((await api.get<Items<DeadLetter>>(rejectsPath(what, device, options))).items, options, letterRows);
    default:
      throw new MillraceError("INVALID_INPUT", `there is nothing called ${what}`, {
        remedy: "Ask for readings, aggregates, alarms, quarantine or dead-letters.",
      });
  }
}

function devicePath(what: string, device: string | undefined, options: QueryOptions): string {
  if (device === undefined)
    throw new MillraceError("INVALID_INPUT", `${what} need a device`, {
      remedy: `Write millrace query ${what} DEVICE.`,
    });
  if (what === "readings" && options.metric !== undefined) {
    throw new MillraceError("INVALID_INPUT", "--metric is for aggregates: readings come with all their metrics");
  }
  const to = timeOf(options.to, Date.now() + LIMITS.eventTimeAheadMsMax);
  const from = timeOf(options.from, to - LIMITS.queryRangeMsMax);
  const query = new URLSearchParams({ from: String(from), to: String(to), limit: options.limit });
  if (options.metric !== undefined) query.set("metric", options.metric);
  if (what === "aggregates") query.set("size", options.size);
  return `/devices/${encodeURIComponent(device)}/${what}?${query.toString()}`;
}

/** Of one device or of all; the times are receive times. */
function rejectsPath(what: string, device: string | undefined, options: QueryOptions): string {
  const query = new URLSearchParams({ limit: options.limit, ...(device === undefined ? {} : { device }) });
  if (options.from !== undefined) query.set("from", String(timeOf(options.from, 0)));
  if (options.to !== undefined) query.set("to", String(timeOf(options.to, 0)));
  return `/${what}?${query.toString()}`;
}

function timeOf(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : parseTimeText(text);
}

/** Whether there is nothing, or nothing yet, or nothing in the range: the device knows. */
async function noReadingsText(api: ApiClient, device: string): Promise<string> {
  const { lastSeen } = await api.get<Device>(`/devices/${encodeURIComponent(device)}`);
  if (lastSeen === null) return `Nothing found: ${device} has not sent anything yet.`;
  const refused = `what was refused is in millrace query quarantine ${device}`;
  return `Nothing found. ${device} was last seen at ${time(lastSeen)}: what it sends is stored some seconds later, and ${refused}.`;
}

/** Nothing was found: perhaps because the device's windows have other sizes. */
async function sizesText(api: ApiClient, device: string, size: string): Promise<string> {
  const { type, tenant } = await api.get<Device>(`/devices/${encodeURIComponent(device)}`);
  const { items } = await api.get<Items<DeviceType>>("/types");
  const sizes = items.find(({ id }) => id === type)?.windowMs ?? defaultDeviceType(tenant).windowMs;
  if (sizes.includes(Number(size))) return "Nothing found.";
  return `Nothing found with --size ${size}: the windows of ${device} have ${sizes.join(" or ")} ms.`;
}

type Rows<T> = (items: readonly T[]) => { header: string[]; rows: (string | number)[][] };

function print<T>(items: readonly T[], options: QueryOptions, toRows: Rows<T>, nothing = "Nothing found."): number {
  if (options.json) console.log(JSON.stringify(items));
  else if (items.length === 0) console.log(nothing);
  else {
    const { header, rows } = toRows(items);
    console.log(formatTable(header, rows));
  }
  return EXIT.ok;
}

const time = (ms: number): string => new Date(ms).toISOString();

const readingRows: Rows<RawReading> = (items) => ({
  header: ["event time", "metric", "value"],
  // A text may look like a number, and is none for alarms and windows.
  rows: items.map((r) => [time(r.ts), r.metric, typeof r.value === "string" ? JSON.stringify(r.value) : r.value]),
});

const aggregateRows: Rows<Aggregate> = (items) => ({
  header: ["window", "metric", "rev", "count", "min", "mean", "max", "first", "last"],
  rows: items.map((a) => [
    time(a.start),
    a.metric,
    a.revision,
    a.count,
    a.min,
    Number(a.mean.toPrecision(6)),
    a.max,
    a.first,
    a.last,
  ]),
});

const alarmRows: Rows<AlarmState> = (items) => ({
  header: ["raised", "cleared", "severity", "device", "alarm", "id"],
  rows: items.map((a) => [
    time(a.raisedAt),
    a.clearedAt === null ? "active" : time(a.clearedAt),
    a.severity,
    a.device,
    a.message,
    a.id,
  ]),
});

const rejectRows: Rows<Quarantined> = (items) => ({
  header: ["received", "device", "reason", "what was wrong", "payload"],
  rows: items.map((r) => [time(r.received), r.device, r.reason, excerpt(r.detail), excerpt(r.payload)]),
});

const letterRows: Rows<DeadLetter> = (items) => ({
  header: ["received", "device", "function", "error", "source"],
  rows: items.map((r) => [
    time(r.received),
    r.device,
    `${r.function}@${r.version}`,
    excerpt(r.error),
    `${r.source.topic}/${r.source.partition}/${r.source.offset}`,
  ]),
});
