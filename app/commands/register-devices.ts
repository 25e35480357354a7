import { randomBytes } from "node:crypto";
import type { ApiClient } from "./api-client.ts";

const CHUNK = 1000;

/** Registers devices that are to publish from here, with fresh tokens beside those that they have. */
export async function registerDevices(
  api: ApiClient,
  devices: readonly { readonly id: string; readonly type?: string | null }[],
): Promise<Map<string, { token: string }>> {
  const tokens = new Map(devices.map(({ id }) => [id, { token: `mr_d_${randomBytes(32).toString("base64url")}` }]));
  for (let start = 0; start < devices.length; start += CHUNK) {
    const chunk = devices
      .slice(start, start + CHUNK)
      .map((device) => ({ ...device, token: tokens.get(device.id)?.token }));
    await api.send("POST", "/devices/import", { devices: chunk });
  }
  return tokens;
}

/** Aborts on SIGINT or SIGTERM: the command then ends with what it has. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
