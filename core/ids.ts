import { LIMITS } from "./limits.ts";

/**
 * Ids match this for ever: devices, tenants, types, rules, clients. They are safe in topics, keys, URLs and file names, which is why
 * `.` and `..` alone are none: a URL that ends in one names another place, and nothing could ask for such a device.
 */
export const ID_PATTERN = new RegExp(`^(?!\\.{1,2}$)[A-Za-z0-9_.:-]{1,${LIMITS.idCharactersMax}}$`);

/** True for 1–128 characters of `A-Z a-z 0-9 _ . : -` other than `.` and `..`. */
export function isId(text: unknown): text is string {
  return typeof text === "string" && ID_PATTERN.test(text);
}

/** The partition key of everything that belongs to one device: `tenant/device`. Neither id can hold a slash. */
export function deviceKey(tenant: string, device: string): string {
  return `${tenant}/${device}`;
}

/** The inverse of `deviceKey`. Null when the text is not a key. */
export function parseDeviceKey(key: string): { tenant: string; device: string } | null {
  const slash = key.indexOf("/");
  if (slash < 1) return null;
  const tenant = key.slice(0, slash);
  const device = key.slice(slash + 1);
  return isId(tenant) && isId(device) ? { tenant, device } : null;
}
