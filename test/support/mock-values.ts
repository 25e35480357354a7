import type { Device } from "../../core/registry.ts";

const HOUR = 3_600_000;

export const MOCK_TYPES = [
  { id: "pump", metrics: { flow: "m³/h", pressure: "bar", temperature: "°C", vibration: "mm/s", power: "kW" } },
  { id: "air-station", metrics: { "PM2.5": "µg/m³", NO2: "µg/m³", temperature: "°C", humidity: "%" } },
  { id: "meter", metrics: { energy: "kWh", power: "kW", voltage: "V" } },
] as const;

const BASE: Readonly<Record<string, readonly [mean: number, swing: number]>> = {
  flow: [42, 9],
  pressure: [6.2, 0.6],
  temperature: [21, 5],
  vibration: [1.8, 0.5],
  power: [12.4, 4],
  "PM2.5": [64, 40],
  NO2: [38, 16],
  humidity: [51, 12],
  energy: [18_244, 20],
  voltage: [230.6, 2.2],
};

export function deviceAt(i: number, now: number): Device {
  const type = MOCK_TYPES[i % MOCK_TYPES.length]?.id ?? "pump";
  const n = Math.floor(i / MOCK_TYPES.length) + 1;
  return {
    tenant: "default",
    id: `${type}-${String(n).padStart(2, "0")}`,
    name: i % 4 === 0 ? `Hall ${(i % 5) + 1}` : "",
    type,
    labels: { site: i % 2 ? "north" : "south" },
    disabled: i === 17,
    createdAt: now - 30 * 24 * HOUR,
    lastSeen: null,
  };
}

function valueAt(device: Device, metric: string, ts: number): number {
  const [mean, swing] = BASE[metric] ?? [1, 1];
  const phase = Buffer.from(device.id + metric).reduce((sum, byte) => sum + byte, 0);
  const noise = Math.sin(ts / 977 + phase * 7) * Math.sin(ts / 3511 + phase);
  const drift = metric === "energy" ? (ts % (90 * 24 * HOUR)) / HOUR : 0;
  return Number((mean + drift + swing * (0.55 * Math.sin(ts / (7 * 60_000) + phase) + 0.25 * noise)).toFixed(3));
}

export function metricsAt(device: Device, ts: number): Record<string, number | string | boolean> {
  const names = Object.keys(MOCK_TYPES.find(({ id }) => id === device.type)?.metrics ?? {});
  const metrics: Record<string, number | string | boolean> = Object.fromEntries(
    names.map((name) => [name, valueAt(device, name, ts)]),
  );
  if (device.type === "pump") Object.assign(metrics, { running: true, firmware: "2.4.1" });
  return metrics;
}

/** One reading a second for the last three days, with a hole of four minutes every hour. */
export function seriesOf(device: Device, query: URLSearchParams, now: number, startedAt: number) {
  const metric = query.get("metric") ?? "";
  const from = Math.max(Number(query.get("from")), startedAt - 72 * HOUR);
  const to = Math.min(Number(query.get("to")), now - 1500);
  const pointsMax = Number(query.get("points"));
  const asked = Number(query.get("to")) - Number(query.get("from"));
  const bucketMs = asked / 1000 <= pointsMax ? 0 : Math.ceil(asked / pointsMax / 1000) * 1000;
  const step = bucketMs || 1000;
  const points = [];
  for (let ts = Math.ceil(from / step) * step; ts < to; ts += step) {
    if (ts % HOUR < 4 * 60_000 && bucketMs < 10 * 60_000) continue;
    const value = valueAt(device, metric, ts);
    const spread = bucketMs === 0 ? 0 : (BASE[metric]?.[1] ?? 1) * (0.2 + Math.min(0.5, bucketMs / HOUR));
    points.push({ ts, value, min: value - spread, max: value + spread, count: step / 1000 });
  }
  return { points, bucketMs };
}
