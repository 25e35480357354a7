import type { RowSheets, TableShape } from "../row-sheets.ts";
import type { MetricShape } from "./series-names.ts";

const LATEST_READINGS: TableShape = {
  table: "latest_readings",
  columns: ["tenant", "device", "metric", "ts", "kind", "number", "text"],
  monthly: false,
};

interface LatestValue {
  ts: number;
  kind: number;
  number: number;
  text: string;
}

export interface DeviceValues {
  /** Its place among the devices. */
  readonly number: number;
  readonly tenant: string;
  readonly device: string;
  readonly byMetric: Map<string, LatestValue>;
  /** UTC minutes in which it has readings, counted from 1970. */
  readonly minutes: Set<number>;
  /** The last of them: most readings are of the minute of the one before. */
  minute: number;
  /** What its last reading held. */
  shape: MetricShape | null;
}

/** The newest value of each series of a batch, by event time, where the later arrival wins among equals; and what else a device has touched. */
export class LatestValues {
  /** In the order in which they came. */
  readonly devices: DeviceValues[] = [];
  readonly #tenants = new Map<string, Map<string, DeviceValues>>();

  device(tenant: string, device: string): DeviceValues {
    const ofTenant = this.#tenants.get(tenant);
    const known = ofTenant?.get(device);
    if (known !== undefined) return known;
    const made: DeviceValues = {
      number: this.devices.length,
      tenant,
      device,
      byMetric: new Map(),
      minutes: new Set(),
      minute: Number.NaN,
      shape: null,
    };
    this.devices.push(made);
    if (ofTenant === undefined) this.#tenants.set(tenant, new Map([[device, made]]));
    else ofTenant.set(device, made);
    return made;
  }

  /** Notes a minute in which the device has readings. */
  touch(values: DeviceValues, minute: number): void {
    if (values.minute === minute) return;
    values.minute = minute;
    values.minutes.add(minute);
  }

  write(sheets: RowSheets): void {
    for (const { tenant, device, byMetric } of this.devices) {
      // What was only taken back has no value.
      if (byMetric.size === 0) continue;
      const writer = sheets.writer(LATEST_READINGS, 0, byMetric.size);
      for (const [metric, { ts, kind, number, text }] of byMetric) {
        writer.string(tenant);
        writer.string(device);
        writer.string(metric);
        writer.int64(ts);
        writer.uint8(kind);
        writer.float64(number);
        writer.string(text);
      }
    }
  }
}

/** Keeps the value unless a newer one is there. */
export function keepLatest(
  { byMetric }: DeviceValues,
  metric: string,
  ts: number,
  kind: number,
  number: number,
  text: string,
): void {
  const known = byMetric.get(metric);
  if (known === undefined) byMetric.set(metric, { ts, kind, number, text });
  else if (ts >= known.ts) {
    known.ts = ts;
    known.kind = kind;
    known.number = number;
    known.text = text;
  }
}
