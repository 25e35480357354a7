import { deviceKey } from "../core/ids.ts";
import { noOutcomes, settledMessages, type Outcomes } from "../core/ledger.ts";
import { greatest } from "./greatest.ts";
import type { Clock } from "../core/clock.ts";
import type { DeviceStore } from "../core/registry.ts";
import type { SlowDeviceOrder } from "../core/slow-device-order.ts";
import type { DevicePace, SlowDevice, SlowDevicesQuery } from "../core/slow-devices.ts";
import type { KeyCounts } from "./worst-keys.ts";

export interface SlowDeviceSources {
  /** Of the devices of a tenant that have been seen. */
  paces(tenant: string): Iterable<DevicePace>;
  readonly counts: KeyCountsSource;
  readonly devices: Pick<DeviceStore, "get">;
  readonly clock: Clock;
}

/** Counts of a few keys (`tenant/device`), and never of all of them: there may be a million. */
export interface KeyCountsSource {
  worst(prefix: string, count: number): Promise<KeyCounts>;
  of(keys: readonly string[]): Promise<KeyCounts>;
}

/** A device is silent when its last message is older than so many of its intervals, and slow when its messages are so long under way. */
const SILENT_INTERVALS = 3;
const SLOW_DELAY_MS = 1000;

/** The devices that report worst, those alone that are slow at all. Removed and disabled ones are left out. */
export async function slowDevices(
  { paces, counts, devices, clock }: SlowDeviceSources,
  { tenant, by, limit }: SlowDevicesQuery,
): Promise<readonly SlowDevice[]> {
  const now = clock.now();
  const key = (device: string) => deviceKey(tenant, device);
  let found: { readonly device: string; readonly pace?: DevicePace; readonly counted: Outcomes | undefined }[];
  if (by === "rejects") {
    const worst = await counts.worst(key(""), limit);
    const known = new Map<string, DevicePace>();
    for (const pace of paces(tenant)) if (worst.has(key(pace.device))) known.set(pace.device, pace);
    found = [...worst].map(([of, counted]) => {
      const device = of.slice(key("").length);
      const pace = known.get(device);
      return { device, counted, ...(pace === undefined ? {} : { pace }) };
    });
  } else {
    const worst = greatest(paces(tenant), limit, (pace) => slowness(pace, by, now));
    const counted = await counts.of(worst.map(({ device }) => key(device)));
    found = worst.map((pace) => ({ device: pace.device, pace, counted: counted.get(key(pace.device)) }));
  }
  const registered = await Promise.all(found.map(({ device }) => devices.get(tenant, device)));
  return found
    .filter((_, at) => registered[at]?.disabled === false)
    .map(({ device, pace, counted }) => slowDevice(device, pace, counted ?? noOutcomes(), now));
}

/** 0 for a device that is not slow. */
function slowness({ received, intervalMs, delayMs }: DevicePace, by: SlowDeviceOrder, now: number): number {
  if (by === "delay") return delayMs !== null && delayMs >= SLOW_DELAY_MS ? delayMs : 0;
  const silence = intervalMs === null ? 0 : (now - received) / intervalMs;
  return silence >= SILENT_INTERVALS ? silence : 0;
}

function slowDevice(device: string, pace: DevicePace | undefined, counted: Outcomes, now: number): SlowDevice {
  const silentMs = pace === undefined ? null : Math.max(0, now - pace.received);
  const intervalMs = pace?.intervalMs ?? null;
  return {
    device,
    received: pace?.received ?? null,
    silentMs,
    intervalMs,
    silence: silentMs === null || intervalMs === null ? null : silentMs / intervalMs,
    delayMs: pace?.delayMs ?? null,
    messages: settledMessages(counted),
    duplicates: counted.duplicate,
    quarantined: counted.quarantined,
    deadLettered: counted.deadLettered,
    late: counted.lateDropped + counted.lateForAlarm,
  };
}
