import { MillraceError } from "../../../core/errors.ts";
import { deviceKey } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { RawReading } from "../../../core/history.ts";
import type { Device, Page } from "../../../core/registry.ts";
import type { DeviceType } from "../../../core/device-type.ts";
import type { MetricValue } from "../../../core/schemas.ts";
import type { ApiClient } from "../../commands/api-client.ts";
import type { PastReading, ReadingHistory, TimeRange } from "./reading-history.ts";

interface Items<Item> {
  readonly items: readonly Item[];
}

/**
 * The readings that a running instance has in its tables, through its API: further back than the log, but without receive times, and derived
 * readings are among those that devices sent. Each device counts as a partition. Errors: those of the API.
 */
export async function openTableHistory(api: ApiClient): Promise<ReadingHistory> {
  const { items: types } = await api.get<Items<DeviceType>>("/types");
  const devices = await listDevices(api);
  const states = devices.map(({ tenant, id, type, labels, disabled }) => ({ tenant, id, type, labels, disabled }));
  return {
    place: `the tables of ${api.url}`,
    isExact: false,
    since: 0,
    configuration: { types, devices: states, byPartition: new Map(states.map((state, place) => [place, [state]])) },
    async *read(range, only) {
      for (const [partition, device] of devices.entries()) {
        if (only?.has(device.id) === false) continue;
        const type = types.find(({ id }) => id === device.type);
        yield toPastReadings(await readDevice(api, device.id, range), device, type, partition);
      }
    },
    readByReceiveTime: () => {
      throw new MillraceError(
        "INVALID_INPUT",
        "a join meets readings in the order in which they were received, which the tables do not know",
        {
          remedy:
            "Run it with --source log on the machine that has the log, from a time that is still in it; or compare two versions with millrace diff.",
        },
      );
    },
    close: async () => undefined,
  };
}

async function listDevices(api: ApiClient): Promise<readonly Device[]> {
  const devices: Device[] = [];
  for (let after: string | null = ""; after !== null;) {
    const query = new URLSearchParams({ limit: String(LIMITS.pageSizeMax), ...(after === "" ? {} : { after }) });
    const page: Page<Device> = await api.get(`/devices?${query.toString()}`);
    devices.push(...page.items);
    after = page.next;
  }
  return devices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Oldest first. The API gives pages from the newest on; one ms may stand on two of them. */
async function readDevice(api: ApiClient, device: string, range: TimeRange): Promise<readonly RawReading[]> {
  const rows: RawReading[] = [];
  for (let to = range.to; to > range.from;) {
    const query = new URLSearchParams({ from: String(range.from), to: String(to), limit: String(LIMITS.pageSizeMax) });
    const { items } = await api.get<Items<RawReading>>(
      `/devices/${encodeURIComponent(device)}/readings?${query.toString()}`,
    );
    const oldest = items.at(-1)?.ts ?? range.from;
    const isLast = items.length < LIMITS.pageSizeMax;
    // Of the oldest ms the rest may be missing: it is asked for again, unless it fills the page by itself.
    const isOneMs = items[0]?.ts === oldest;
    rows.push(...(isLast || isOneMs ? items : items.filter(({ ts }) => ts > oldest)));
    if (isLast) break;
    to = isOneMs ? oldest : oldest + 1;
  }
  return rows.reverse();
}

function toPastReadings(
  rows: readonly RawReading[],
  { tenant, id }: Device,
  type: DeviceType | undefined,
  partition: number,
): readonly PastReading[] {
  const byTime = new Map<number, Record<string, MetricValue>>();
  for (const { ts, metric, value } of rows) {
    const metrics = byTime.get(ts) ?? {};
    byTime.set(ts, metrics);
    metrics[metric] = type?.metrics[metric]?.kind === "boolean" ? value === 1 : value;
  }
  return [...byTime].map(([ts, metrics], offset) => {
    const reading: Reading = { v: 1, tenant, device: id, ts, received: ts, metrics };
    const record = {
      offset,
      timestamp: ts,
      key: deviceKey(tenant, id),
      value: Buffer.from(JSON.stringify(reading)),
      header: () => undefined,
      headers: () => [],
    };
    return { partition, record, reading, maker: null };
  });
}
