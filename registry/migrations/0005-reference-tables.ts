import type { Migration } from "./migration.ts";

/** What functions join readings with. */
export const referenceTables: Migration = {
  number: 5,
  name: "reference tables",
  async up(trx, { text }) {
    await trx.schema
      .createTable("reference_tables")
      .addColumn("tenant", text, (c) => c.notNull().references("tenants.id"))
      .addColumn("id", text, (c) => c.notNull())
      .addColumn("definition", text, (c) => c.notNull())
      .addPrimaryKeyConstraint("reference_tables_key", ["tenant", "id"])
      .execute();
  },
};
