import type { DeliveryFeature, Values, ValuesFeature } from "./feature.ts";

/**
 * What a first look is shown: within a minute one room warms up, one pump shakes and one device falls silent; after some minutes
 * all is well again, and the story starts over.
 */
export interface DemoRoles {
  readonly warming: string | null;
  readonly shaking: string | null;
  readonly silent: string | null;
}

const SECOND_MS = 1000;
const CYCLE_MS = 600 * SECOND_MS;
const WARMING = { from: 5 * SECOND_MS, full: 45 * SECOND_MS, fading: 240 * SECOND_MS, to: 300 * SECOND_MS };
const SHAKING = { from: 30 * SECOND_MS, full: 32 * SECOND_MS, fading: 180 * SECOND_MS, to: 190 * SECOND_MS };
const SILENT = { from: 10 * SECOND_MS, to: 200 * SECOND_MS };
/** °C on top of a cold room's 4 °C, and mm/s on top of a pump's 2.6 mm/s. */
const WARMING_BY = 9;
const SHAKING_BY = 7;

/** The first cold room warms, the first pump shakes, the last other device falls silent. */
export function castDemo(devices: readonly { readonly id: string; readonly type: string }[]): DemoRoles {
  const warming = devices.find((device) => device.type === "cold-room")?.id ?? null;
  const shaking = devices.find((device) => device.type === "pump")?.id ?? null;
  const silent = devices.findLast((device) => device.id !== warming && device.id !== shaking)?.id ?? null;
  return { warming, shaking, silent };
}

export function demoValues(device: string, roles: DemoRoles, startAt: number): ValuesFeature {
  return (values, at) => {
    const time = (at - startAt) % CYCLE_MS;
    if (device === roles.warming) return raise(values, "temperature", WARMING_BY * strength(time, WARMING));
    if (device === roles.shaking) return raise(values, "vibration", SHAKING_BY * strength(time, SHAKING));
    return values;
  };
}

export function demoDelivery(device: string, roles: DemoRoles, startAt: number): DeliveryFeature {
  return (parcels, at) => {
    const time = (at - startAt) % CYCLE_MS;
    const silent = device === roles.silent && time >= SILENT.from && time < SILENT.to;
    return silent ? [] : parcels;
  };
}

function raise(values: Values, metric: string, by: number): Values {
  const value = values[metric];
  return typeof value === "number" && by > 0 ? { ...values, [metric]: Math.round((value + by) * 100) / 100 } : values;
}

/** 0 outside, 1 from `full` to `fading`, straight lines between. */
function strength(time: number, span: typeof WARMING): number {
  if (time < span.from || time >= span.to) return 0;
  if (time < span.full) return (time - span.from) / (span.full - span.from);
  return time < span.fading ? 1 : (span.to - time) / (span.to - span.fading);
}
