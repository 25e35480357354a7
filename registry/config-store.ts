import type { Kysely } from "kysely";
import type { AlarmRule } from "../core/alarm-rule.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { ApplySummary, ConfigDocument, ConfigStore } from "../core/registry.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { checkConfigDocument } from "./config-check.ts";
import {
  ALARM_RULES,
  DEVICE_TYPES,
  REFERENCE_TABLES,
  listDefinitions,
  putDefinitions,
  removeDefinition,
} from "./definitions.ts";
import { putDevices } from "./device-put.ts";
import type { Tables } from "./schema.ts";
import { ensureTenants } from "./tenants.ts";

/** Device types and alarm rules, and documents that declare them together with devices. */
export function createConfigStore(db: Kysely<Tables>, write: ChangeWriter): ConfigStore {
  return {
    types: (tenant) => listDefinitions(db, DEVICE_TYPES, tenant),
    rules: (tenant) => listDefinitions(db, ALARM_RULES, tenant),
    tables: (tenant) => listDefinitions(db, REFERENCE_TABLES, tenant),
    async apply(config, actor) {
      const checked = checkConfigDocument(config);
      return write(actor, (change) => applyDocument(change, checked));
    },
    async removeRule(tenant, id, actor) {
      await write(actor, async (change) => {
        if (await removeDefinition(change, ALARM_RULES, tenant, id)) return;
        throw new MillraceError("NOT_FOUND", `there is no rule "${id}" in tenant "${tenant}"`);
      });
    },
    async removeTable(tenant, id, actor) {
      await write(actor, async (change) => {
        if (await removeDefinition(change, REFERENCE_TABLES, tenant, id)) return;
        throw new MillraceError("NOT_FOUND", `there is no reference table "${id}" in tenant "${tenant}"`);
      });
    },
    async removeType(tenant, id, actor) {
      await write(actor, async (change) => {
        await refuseTypeInUse(change, tenant, id);
        if (await removeDefinition(change, DEVICE_TYPES, tenant, id)) return;
        throw new MillraceError("NOT_FOUND", `there is no type "${id}" in tenant "${tenant}"`);
      });
    },
  };
}

/** Types first: devices and rules refer to them, also to those of the same document. */
async function applyDocument(change: Change, config: ConfigDocument): Promise<ApplySummary> {
  await ensureTenants(
    change,
    new Set([...config.types, ...config.rules, ...(config.tables ?? [])].map(({ tenant }) => tenant)),
  );
  const types = await putDefinitions(change, DEVICE_TYPES, config.types);
  const devices = await putDevices(change, config.devices, "replace");
  await checkRuleTypesExist(change, config.rules);
  const rules = await putDefinitions(change, ALARM_RULES, config.rules);
  for (const tenant of new Set(config.rules.map((rule) => rule.tenant))) await checkRuleCount(change, tenant);
  const tables = await putDefinitions(change, REFERENCE_TABLES, config.tables ?? []);
  for (const tenant of new Set(config.tables?.map((table) => table.tenant))) await checkTableCount(change, tenant);
  const tallies = [types, devices, rules, tables];
  return {
    created: tallies.reduce((sum, { created }) => sum + created, 0),
    changed: tallies.reduce((sum, { changed }) => sum + changed, 0),
    unchanged: tallies.reduce((sum, { unchanged }) => sum + unchanged, 0),
  };
}

async function checkRuleTypesExist({ trx }: Change, rules: readonly AlarmRule[]): Promise<void> {
  for (const [tenant, ofTenant] of Map.groupBy(rules, (rule) => rule.tenant)) {
    const rows = await trx.selectFrom("device_types").select("id").where("tenant", "=", tenant).execute();
    const known = new Set(rows.map(({ id }) => id));
    for (const { id, select } of ofTenant) {
      if (select.type === undefined || known.has(select.type)) continue;
      throw new MillraceError(
        "INVALID_INPUT",
        `rule "${id}": select.type "${select.type}" does not exist in tenant "${tenant}"`,
        known.size > 0 ? { remedy: `Types that exist: ${[...known].slice(0, 20).join(", ")}.` } : {},
      );
    }
  }
}

async function checkRuleCount(change: Change, tenant: string): Promise<void> {
  await checkCount(change, { table: "alarm_rules", tenant, what: "alarm rules", max: LIMITS.rulesPerTenantMax });
}

async function checkTableCount(change: Change, tenant: string): Promise<void> {
  const max = LIMITS.referenceTablesPerTenantMax;
  await checkCount(change, { table: "reference_tables", tenant, what: "reference tables", max });
}

interface CountCheck {
  readonly table: "alarm_rules" | "reference_tables";
  readonly tenant: string;
  readonly what: string;
  readonly max: number;
}

async function checkCount({ trx }: Change, { table, tenant, what, max }: CountCheck): Promise<void> {
  const { count } = await trx
    .selectFrom(table)
    .select((eb) => eb.fn.countAll().as("count"))
    .where("tenant", "=", tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) <= max) return;
  throw new MillraceError(
    "INVALID_INPUT",
    `tenant "${tenant}" would have ${Number(count)} ${what}; at most ${max} are allowed`,
  );
}

async function refuseTypeInUse({ trx }: Change, tenant: string, id: string): Promise<void> {
  const { count } = await trx
    .selectFrom("devices")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("tenant", "=", tenant)
    .where("type", "=", id)
    .executeTakeFirstOrThrow();
  const rules = await listDefinitions(trx, ALARM_RULES, tenant);
  const selecting = rules.filter((rule) => rule.select.type === id).map((rule) => rule.id);
  if (Number(count) === 0 && selecting.length === 0) return;
  const devices = Number(count) === 1 ? "1 device" : `${Number(count)} devices`;
  const users = [
    ...(Number(count) > 0 ? [devices] : []),
    ...(selecting.length > 0 ? [`the rules ${selecting.slice(0, 10).join(", ")}`] : []),
  ];
  throw new MillraceError("INVALID_INPUT", `type "${id}" is used by ${users.join(" and ")}`, {
    remedy: "Remove those first, or give them another type.",
  });
}
