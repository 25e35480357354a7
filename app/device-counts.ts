import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/clock.ts";
import type { Overview } from "../core/overview.ts";
import type { DeviceStore } from "../core/registry.ts";

const RECOUNT_MS = 5000;
/** A device that has not been heard of for this long is silent. */
const SILENT_AFTER_MS = 5 * 60_000;

/** How many devices there are and how many report, recounted every few seconds. Devices that never sent anything are not silent. */
export function createDeviceCounts(
  devices: DeviceStore,
  tenant: string,
  clock: Clock,
): { get(): Promise<Overview["devices"]> } {
  let counts: Overview["devices"] = { total: 0, reporting: 0, silent: 0 };
  let countedAt = -Infinity;
  return {
    async get() {
      const now = clock.now();
      if (now - countedAt < RECOUNT_MS) return counts;
      countedAt = now;
      counts = await count(devices, tenant, now);
      return counts;
    },
  };
}

async function count(devices: DeviceStore, tenant: string, now: number): Promise<Overview["devices"]> {
  let total = 0;
  let reporting = 0;
  let silent = 0;
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<DeviceStore["list"]>> = await devices.list({
      tenant,
      limit: LIMITS.pageSizeMax,
      ...(after === null ? {} : { after }),
    });
    for (const { lastSeen, disabled } of page.items) {
      if (disabled) continue;
      total += 1;
      if (lastSeen === null) continue;
      if (now - lastSeen <= SILENT_AFTER_MS) reporting += 1;
      else silent += 1;
    }
    after = page.next;
  } while (after !== null);
  return { total, reporting, silent };
}
