/**
 * What a process of an installation does. `gateway`: the MQTT edge. `processors`: functions, ticks, control records, retention. `sinks`:
 * tables and notifications. `api`: HTTP API and dashboard.
 */
export const ROLES = ["gateway", "processors", "sinks", "api"] as const;
export type Role = (typeof ROLES)[number];

/** The setting `role`: `all`, or some of the roles, comma separated. */
export const ROLE_PATTERN = new RegExp(`^(all|(${ROLES.join("|")})(,(${ROLES.join("|")}))*)$`);

export function rolesOf(setting: string): ReadonlySet<Role> {
  if (setting === "all") return new Set(ROLES);
  return new Set(ROLES.filter((role) => setting.split(",").includes(role)));
}
