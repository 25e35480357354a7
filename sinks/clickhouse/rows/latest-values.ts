import type { RowSheets, TableShape } from "../row-sheets.ts";

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

interface DeviceValues {
  readonly tenant: string;
  readonly device: string;
  readonly byMetric: Map<string, LatestValue>;
  /** UTC minutes in which it has readings, counted from 1970. */
  readonly minutes: Set<number>;
}

/** The newest value of each series of a batch, by event time, where the later arrival wins among equals; and what else a device has touched. */
export class LatestValues {
  readonly #devices = new Map<string, DeviceValues>();

  device(tenant: string, device: string): DeviceValues {
    const key = `${tenant}/${device}`;
    const known = this.#devices.get(key);
    if (known !== undefined) return known;
    const made = { tenant, device, byMetric: new Map<string, LatestValue>(), minutes: new Set<number>() };
    this.#devices.set(key, made);
    return made;
  }

  devices(): Iterable<DeviceValues> {
    return this.#devices.values();
  }

  write(sheets: RowSheets): void {
    for (const { tenant, device, byMetric } of this.#devices.values()) {
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
