import { EXIT, formatTable } from "./output.ts";
import type { SlowDeviceOrder } from "../../core/slow-device-order.ts";
import type { SlowDevice } from "../../core/slow-devices.ts";
import type { ApiClient } from "./api-client.ts";

const NONE: Readonly<Record<SlowDeviceOrder, string>> = {
  silence: "No device has been silent for three of its usual intervals.",
  delay: "No device's readings are under way for a second or longer.",
  rejects: "Nothing that devices sent was a duplicate, late or refused.",
};

/** `millrace devices slow`. */
export async function slowDevicesCommand(
  api: ApiClient,
  { json, by, limit }: { readonly json: boolean; readonly by: SlowDeviceOrder; readonly limit: number },
): Promise<number> {
  const query = new URLSearchParams({ by, limit: String(limit) });
  const { items } = await api.get<{ items: readonly SlowDevice[] }>(`/slow-devices?${query.toString()}`);
  console.log(json ? JSON.stringify(items) : items.length === 0 ? NONE[by] : table(items));
  return EXIT.ok;
}

function table(items: readonly SlowDevice[]): string {
  const header = [
    "device",
    "last seen",
    "usual s",
    "intervals ago",
    "delay s",
    "messages",
    "duplicates",
    "late",
    "quarantined",
    "failed",
  ];
  const rows = items.map((one) => [
    one.device,
    one.received === null ? "–" : new Date(one.received).toISOString(),
    seconds(one.intervalMs),
    one.silence === null ? "–" : one.silence.toFixed(1),
    seconds(one.delayMs),
    one.messages,
    one.duplicates,
    one.late,
    one.quarantined,
    one.deadLettered,
  ]);
  return formatTable(header, rows);
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : (ms / 1000).toFixed(1);
}
