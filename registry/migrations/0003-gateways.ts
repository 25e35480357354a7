import type { Migration } from "./migration.ts";

/** Devices that publish for others: whether a device is one, whether it may create devices, and through which one a device publishes. */
export const gateways: Migration = {
  number: 3,
  name: "gateways",
  async up(trx, { text }) {
    for (const flag of ["gateway", "provisions"]) {
      await trx.schema
        .alterTable("devices")
        .addColumn(flag, "bigint", (c) => c.notNull().defaultTo(0))
        .execute();
    }
    await trx.schema.alterTable("devices").addColumn("via", text).execute();
    await trx.schema.createIndex("devices_by_via").on("devices").columns(["tenant", "via"]).execute();
  },
};
