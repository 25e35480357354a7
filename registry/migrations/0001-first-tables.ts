import type { Transaction } from "kysely";
import type { Tables } from "../schema.ts";
import type { ColumnTypes, Migration } from "./migration.ts";

export const firstTables: Migration = {
  number: 1,
  name: "first tables",
  async up(trx, types) {
    await createBookkeeping(trx, types);
    await createConfiguration(trx, types);
    await createDevices(trx, types);
    await createAlarms(trx, types);
    await createOutboxes(trx, types);
  },
};

async function createBookkeeping(trx: Transaction<Tables>, { text }: ColumnTypes): Promise<void> {
  await trx.schema
    .createTable("counters")
    .addColumn("name", text, (c) => c.primaryKey())
    .addColumn("value", "bigint", (c) => c.notNull())
    .execute();
  await trx.insertInto("counters").values({ name: "sequence", value: 0 }).execute();
  await trx.schema
    .createTable("settings")
    .addColumn("name", text, (c) => c.primaryKey())
    .addColumn("value", text, (c) => c.notNull())
    .execute();
  await trx.schema
    .createTable("audit")
    .addColumn("sequence", "bigint", (c) => c.primaryKey())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("actor", text, (c) => c.notNull())
    .addColumn("action", text, (c) => c.notNull())
    .addColumn("target", text, (c) => c.notNull())
    .addColumn("detail", text, (c) => c.notNull())
    .execute();
}

async function createConfiguration(trx: Transaction<Tables>, { text }: ColumnTypes): Promise<void> {
  await trx.schema
    .createTable("tenants")
    .addColumn("id", text, (c) => c.primaryKey())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();
  for (const table of ["device_types", "alarm_rules"] as const) {
    await trx.schema
      .createTable(table)
      .addColumn("tenant", text, (c) => c.notNull().references("tenants.id"))
      .addColumn("id", text, (c) => c.notNull())
      .addColumn("definition", text, (c) => c.notNull())
      .addPrimaryKeyConstraint(`${table}_key`, ["tenant", "id"])
      .execute();
  }
}

async function createDevices(trx: Transaction<Tables>, { text }: ColumnTypes): Promise<void> {
  await trx.schema
    .createTable("devices")
    .addColumn("tenant", text, (c) => c.notNull().references("tenants.id"))
    .addColumn("id", text, (c) => c.notNull())
    .addColumn("name", text, (c) => c.notNull())
    .addColumn("type", text)
    .addColumn("labels", text, (c) => c.notNull())
    .addColumn("disabled", "bigint", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("search_text", text, (c) => c.notNull())
    .addPrimaryKeyConstraint("devices_key", ["tenant", "id"])
    .addForeignKeyConstraint("devices_type", ["tenant", "type"], "device_types", ["tenant", "id"])
    .execute();
  await trx.schema.createIndex("devices_by_type").on("devices").columns(["tenant", "type", "id"]).execute();
  await trx.schema
    .createTable("last_seen")
    .addColumn("tenant", text, (c) => c.notNull())
    .addColumn("device", text, (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("last_seen_key", ["tenant", "device"])
    .addForeignKeyConstraint("last_seen_device", ["tenant", "device"], "devices", ["tenant", "id"], (c) =>
      c.onDelete("cascade"),
    )
    .execute();
  await trx.schema
    .createTable("erased_devices")
    .addColumn("tenant", text, (c) => c.notNull())
    .addColumn("device", text, (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("erased_devices_key", ["tenant", "device"])
    .execute();
  await trx.schema
    .createTable("credentials")
    .addColumn("hmac", text, (c) => c.primaryKey())
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("tenant", text, (c) => c.notNull())
    .addColumn("principal", text, (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();
  await trx.schema
    .createIndex("credentials_by_principal")
    .on("credentials")
    .columns(["kind", "tenant", "principal"])
    .execute();
}

async function createAlarms(trx: Transaction<Tables>, { text }: ColumnTypes): Promise<void> {
  await trx.schema
    .createTable("alarms")
    .addColumn("tenant", text, (c) => c.notNull())
    .addColumn("id", text, (c) => c.notNull())
    .addColumn("device", text, (c) => c.notNull())
    .addColumn("rule", text, (c) => c.notNull())
    .addColumn("rule_name", text, (c) => c.notNull())
    .addColumn("severity", text, (c) => c.notNull())
    .addColumn("active", "bigint", (c) => c.notNull())
    .addColumn("raised_at", "bigint", (c) => c.notNull())
    .addColumn("cleared_at", "bigint")
    .addColumn("metric", text)
    .addColumn("value", "double precision")
    .addColumn("message", text, (c) => c.notNull())
    .addPrimaryKeyConstraint("alarms_key", ["tenant", "id"])
    .execute();
  await trx.schema.createIndex("alarms_by_time").on("alarms").columns(["tenant", "raised_at", "id"]).execute();
  await trx.schema
    .createIndex("alarms_by_activity")
    .on("alarms")
    .columns(["tenant", "active", "raised_at", "id"])
    .execute();
  await trx.schema
    .createIndex("alarms_by_device")
    .on("alarms")
    .columns(["tenant", "device", "raised_at", "id"])
    .execute();
  await trx.schema
    .createTable("alarm_transitions")
    .addColumn("tenant", text, (c) => c.notNull())
    .addColumn("alarm", text, (c) => c.notNull())
    .addColumn("transition", text, (c) => c.notNull())
    .addPrimaryKeyConstraint("alarm_transitions_key", ["tenant", "alarm", "transition"])
    .execute();
  await trx.schema
    .createTable("alarm_positions")
    .addColumn("name", text, (c) => c.primaryKey())
    .addColumn("position", "bigint", (c) => c.notNull())
    .execute();
}

async function createOutboxes(trx: Transaction<Tables>, { text }: ColumnTypes): Promise<void> {
  await trx.schema
    .createTable("control_outbox")
    .addColumn("sequence", "bigint", (c) => c.primaryKey())
    .addColumn("key", text)
    .addColumn("control", text, (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();
  await trx.schema
    .createTable("notifications")
    .addColumn("sequence", "bigint", (c) => c.primaryKey())
    .addColumn("id", text, (c) => c.notNull().unique())
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("tenant", text)
    .addColumn("device", text)
    .addColumn("body", text, (c) => c.notNull())
    .addColumn("state", text, (c) => c.notNull())
    .addColumn("attempts", "bigint", (c) => c.notNull())
    .addColumn("next_attempt_at", "bigint", (c) => c.notNull())
    .addColumn("last_error", text)
    .execute();
  await trx.schema
    .createIndex("notifications_due")
    .on("notifications")
    .columns(["state", "next_attempt_at", "sequence"])
    .execute();
}
