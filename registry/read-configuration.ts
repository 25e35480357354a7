import type { Kysely } from "kysely";
import { alarmRuleSchema } from "../core/alarm-rule.ts";
import type { DeviceState } from "../core/control.ts";
import { deviceTypeSchema } from "../core/device-type.ts";
import { referenceTableSchema } from "../core/reference-table.ts";
import type { ConfigurationOf } from "../core/registry.ts";
import { parseLabels } from "./parse-labels.ts";
import type { Tables } from "./schema.ts";
import { inTransaction } from "./transaction.ts";

/** Behind the row that orders all changes, so that it is of one moment: the last number that was given out. */
export function readConfiguration(db: Kysely<Tables>): Promise<ConfigurationOf> {
  return inTransaction(db, async (trx) => {
    const { value: revision } = await trx
      .updateTable("counters")
      .set((eb) => ({ value: eb("value", "+", 1) }))
      .where("name", "=", "sequence")
      .returning("value")
      .executeTakeFirstOrThrow();
    const types = await trx.selectFrom("device_types").select("definition").orderBy("tenant").orderBy("id").execute();
    const rules = await trx.selectFrom("alarm_rules").select("definition").orderBy("tenant").orderBy("id").execute();
    const tables = await trx
      .selectFrom("reference_tables")
      .select("definition")
      .orderBy("tenant")
      .orderBy("id")
      .execute();
    const devices = await trx
      .selectFrom("devices")
      .select(["tenant", "id", "type", "labels", "disabled"])
      .orderBy("tenant")
      .orderBy("id")
      .execute();
    return {
      revision,
      types: types.map(({ definition }) => deviceTypeSchema.parse(JSON.parse(definition))),
      rules: rules.map(({ definition }) => alarmRuleSchema.parse(JSON.parse(definition))),
      tables: tables.map(({ definition }) => referenceTableSchema.parse(JSON.parse(definition))),
      devices: devices.map(({ labels, disabled, ...ids }): DeviceState => {
        return { ...ids, labels: parseLabels(labels), disabled: disabled !== 0 };
      }),
    };
  });
}
