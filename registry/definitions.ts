import type { z } from "zod";
import { type AlarmRule, alarmRuleSchema } from "../core/alarm-rule.ts";
import type { ControlRecord } from "../core/control.ts";
import { type ReferenceTable, referenceTableSchema } from "../core/reference-table.ts";
import { type DeviceType, deviceTypeSchema } from "../core/device-type.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Change } from "./change-writer.ts";
import type { PutTally } from "./device-put.ts";
import { inChunks, type Queries } from "./schema.ts";

/** What types and rules have in common: a definition per tenant and id that every partition must know. */
export interface DefinitionKind<Definition extends { readonly tenant: string; readonly id: string }> {
  readonly table: "device_types" | "alarm_rules" | "reference_tables";
  /** As the audit calls it. */
  readonly noun: "type" | "rule" | "table";
  readonly schema: z.ZodType<Definition>;
  control(definition: Definition, removed: boolean, revision: number): ControlRecord;
}

export const DEVICE_TYPES: DefinitionKind<DeviceType> = {
  table: "device_types",
  noun: "type",
  schema: deviceTypeSchema,
  control: (type, removed, revision) => ({ v: 1, kind: "device-type", revision, removed, type }),
};

export const ALARM_RULES: DefinitionKind<AlarmRule> = {
  table: "alarm_rules",
  noun: "rule",
  schema: alarmRuleSchema,
  control: (rule, removed, revision) => ({ v: 1, kind: "alarm-rule", revision, removed, rule }),
};

export const REFERENCE_TABLES: DefinitionKind<ReferenceTable> = {
  table: "reference_tables",
  noun: "table",
  schema: referenceTableSchema,
  control: (table, removed, revision) => ({ v: 1, kind: "reference-table", revision, removed, table }),
};

type Keyed = { readonly tenant: string; readonly id: string };

/** Definitions of a tenant by id. */
export async function listDefinitions<T extends Keyed>(
  db: Queries,
  kind: DefinitionKind<T>,
  tenant: string,
): Promise<readonly T[]> {
  const rows = await db
    .selectFrom(kind.table)
    .select("definition")
    .where("tenant", "=", tenant)
    .orderBy("id")
    .execute();
  return rows.map(({ definition }) => kind.schema.parse(JSON.parse(definition)));
}

/** Creates or replaces definitions; equal ones are left alone. Their tenants must exist. */
export async function putDefinitions<T extends Keyed>(
  change: Change,
  kind: DefinitionKind<T>,
  definitions: readonly T[],
): Promise<PutTally> {
  const tally: PutTally = { created: 0, changed: 0, unchanged: 0 };
  for (const [tenant, ofTenant] of Map.groupBy(definitions, (definition) => definition.tenant)) {
    const rows = await change.trx
      .selectFrom(kind.table)
      .select(["id", "definition"])
      .where("tenant", "=", tenant)
      .execute();
    const known = new Map(rows.map(({ id, definition }) => [id, definition]));
    const written = ofTenant.filter((definition) => {
      const before = known.get(definition.id);
      const step = before === undefined ? "created" : before === canonicalJson(definition) ? "unchanged" : "changed";
      tally[step]++;
      if (step === "unchanged") return false;
      change.audit(`${kind.noun}.${step}`, `${kind.noun} ${tenant}/${definition.id}`, "");
      change.control(null, (revision) => kind.control(definition, false, revision));
      return true;
    });
    for (const chunk of inChunks(written)) await upsertDefinitions(change, kind, chunk);
  }
  return tally;
}

async function upsertDefinitions<T extends Keyed>(
  { trx }: Change,
  kind: DefinitionKind<T>,
  definitions: readonly T[],
): Promise<void> {
  const rows = definitions.map((definition) => ({
    tenant: definition.tenant,
    id: definition.id,
    definition: canonicalJson(definition),
  }));
  await trx
    .insertInto(kind.table)
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["tenant", "id"]).doUpdateSet((eb) => ({ definition: eb.ref("excluded.definition") })),
    )
    .execute();
}

/** Takes a definition back. False when there is none. */
export async function removeDefinition<T extends Keyed>(
  change: Change,
  kind: DefinitionKind<T>,
  tenant: string,
  id: string,
): Promise<boolean> {
  const row = await change.trx
    .deleteFrom(kind.table)
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .returning("definition")
    .executeTakeFirst();
  if (row === undefined) return false;
  const definition = kind.schema.parse(JSON.parse(row.definition));
  change.audit(`${kind.noun}.removed`, `${kind.noun} ${tenant}/${id}`, "");
  change.control(null, (revision) => kind.control(definition, true, revision));
  return true;
}
