import type { FunctionUsage } from "../../../core/function-usage.ts";
import { SLOW_DEVICE_ORDERS, type SlowDeviceOrder } from "../../../core/slow-device-order.ts";
import type { SlowDevice } from "../../../core/slow-devices.ts";
import { formatCount, THIN_SPACE } from "./format-number.ts";

/** By `silence` unless the address says another order that there is. */
export function parseSlowOrder(text: string | null): SlowDeviceOrder {
  return SLOW_DEVICE_ORDERS.find((order) => order === text) ?? "silence";
}

export function searchSlowDevices(devices: readonly SlowDevice[], search: string): readonly SlowDevice[] {
  const wanted = search.trim().toLowerCase();
  return devices.filter(({ device }) => device.toLowerCase().includes(wanted));
}

/** Those that match, the ones first that take most of their stage's time. */
export function slowestFunctions(usage: readonly FunctionUsage[], search: string): readonly FunctionUsage[] {
  const wanted = search.trim().toLowerCase();
  return usage
    .filter((one) => `${one.function}@${one.version} ${one.stage}`.toLowerCase().includes(wanted))
    .toSorted((a, b) => (b.stageShare ?? 0) - (a.stageShare ?? 0) || b.cpuMs - a.cpuMs);
}

/** `12 µs`, `3.4 ms`, `120 ms`, `1.2 s`; a dash for what is not known. */
export function formatCallTime(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)}${THIN_SPACE}µs`;
  return ms < 1000 ? `${twoDigits(ms)}${THIN_SPACE}ms` : `${twoDigits(ms / 1000)}${THIN_SPACE}s`;
}

function twoDigits(value: number): string {
  return value < 9.95 ? value.toFixed(1) : formatCount(value);
}

/** CPU time of a record, ms; null when it was called for none. */
export function cpuPerRecord({ cpuMs, records }: FunctionUsage): number | null {
  return records === 0 ? null : cpuMs / records;
}

/** Per cent of a whole: `12 %`, and never 0 for what is there. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0 || part === 0) return `0${THIN_SPACE}%`;
  const percent = (100 * part) / whole;
  if (percent < 0.1) return `<${THIN_SPACE}0.1${THIN_SPACE}%`;
  return `${twoDigits(percent)}${THIN_SPACE}%`;
}

/** `512 B`, `14 KiB`, `3.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${THIN_SPACE}${units[unit]}`;
}
