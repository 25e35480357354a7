import { randomBytes } from "node:crypto";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ApiClient } from "./api-client.ts";

const CHUNK = LIMITS.pageSizeMax;
const NAMED = 3;

export function newDeviceToken(): string {
  return `mr_d_${randomBytes(32).toString("base64url")}`;
}

/** Registers devices that are to publish from here, with fresh tokens beside those that they have. */
export async function registerDevices(
  api: ApiClient,
  devices: readonly { readonly id: string; readonly type?: string | null }[],
): Promise<Map<string, { token: string }>> {
  const tokens = new Map(devices.map(({ id }) => [id, { token: newDeviceToken() }]));
  for (let start = 0; start < devices.length; start += CHUNK) {
    const chunk = devices
      .slice(start, start + CHUNK)
      .map((device) => ({ ...device, token: tokens.get(device.id)?.token }));
    await api.send("POST", "/devices/import", { devices: chunk });
  }
  return tokens;
}

/** Whoever connects under the name of a device that is connected ends the other's connection, for ever in turns. ALREADY_EXISTS. */
export async function refuseConnected(api: ApiClient, ids: readonly string[], remedy?: string): Promise<void> {
  const connected: string[] = [];
  for (let start = 0; start < ids.length; start += CHUNK) {
    const devices = ids.slice(start, start + CHUNK);
    const answer = await api.send<{ devices: string[] }>("POST", "/mqtt/connected", { devices });
    connected.push(...answer.devices);
  }
  if (connected.length === 0) return;
  const more = connected.length > NAMED ? ` and ${connected.length - NAMED} more` : "";
  const verb = connected.length === 1 ? "is" : "are";
  throw new MillraceError(
    "ALREADY_EXISTS",
    `${connected.slice(0, NAMED).join(", ")}${more} ${verb} connected already`,
    {
      remedy: remedy ?? "Stop what sends in their name first: two connections of one device end each other.",
    },
  );
}

/** Names the broker that a device was refused by: it may be another than the instance's. Other errors as they are. */
export function atBroker(error: unknown, mqtt: string): unknown {
  if (!isMillraceError(error, "NOT_AUTHENTICATED") && !isMillraceError(error, "DELIVERY_FAILED")) return error;
  return new MillraceError(error.code, `${mqtt}: ${error.message}`, {
    cause: error,
    remedy: "If the instance takes MQTT elsewhere, name its broker with --mqtt.",
  });
}

/** Aborts on SIGINT or SIGTERM: the command then ends with what it has. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
