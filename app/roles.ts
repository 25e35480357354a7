import { MillraceError } from "../core/errors.ts";

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

/** What roles on their own need so that all processes of the installation have the same; each with the setting that says where it is. */
export function checkShared(setting: string, shared: Readonly<Record<string, unknown>>): void {
  if (setting === "all") return;
  const missing = Object.entries(shared).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === 0) return;
  throw new MillraceError(
    "CONFIG_INVALID",
    `role ${setting} needs stores that all processes share: ${missing.join(", ")}`,
    {
      remedy:
        'Set them to the same in every process of the installation (docs/operating.md, "Roles"), or start with --role all.',
    },
  );
}
