import { MillraceError } from "../core/errors.ts";

export interface DeviceToken {
  readonly token: string;
}

/** Where a device's token comes from. A function may look it up; undefined means that there is none. */
export type DeviceTokens =
  | ReadonlyMap<string, DeviceToken>
  | ((deviceId: string) => DeviceToken | undefined | Promise<DeviceToken | undefined>);

/** NOT_AUTHENTICATED when the device has no token. */
export async function tokenFor(tokens: DeviceTokens, deviceId: string): Promise<string> {
  const found = typeof tokens === "function" ? await tokens(deviceId) : tokens.get(deviceId);
  if (found !== undefined) return found.token;
  throw new MillraceError("NOT_AUTHENTICATED", `there is no token for device ${deviceId}`, {
    remedy: "Register the device first: millrace devices add.",
  });
}

/** The topic that any device may use with its token, as ThingsBoard has it: neither tenant nor device stands in it. */
export const TELEMETRY_TOPIC = "v1/devices/me/telemetry";
