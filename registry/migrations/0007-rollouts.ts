import type { Migration } from "./migration.ts";

/** The last canary of each function: how far it is, or how it ended. */
export const rollouts: Migration = {
  number: 7,
  name: "rollouts",
  async up(trx, { text }) {
    await trx.schema
      .createTable("rollouts")
      .addColumn("name", text, (c) => c.primaryKey())
      .addColumn("version", "bigint", (c) => c.notNull())
      .addColumn("live", "bigint", (c) => c.notNull())
      .addColumn("shares", text, (c) => c.notNull())
      .addColumn("step", "bigint", (c) => c.notNull())
      .addColumn("step_ms", "bigint", (c) => c.notNull())
      .addColumn("since", "bigint", (c) => c.notNull())
      .addColumn("outcome", text)
      .addColumn("reason", text, (c) => c.notNull())
      .addForeignKeyConstraint("rollouts_version", ["name", "version"], "function_versions", ["name", "version"])
      .execute();
  },
};
