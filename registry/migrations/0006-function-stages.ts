import type { Migration } from "./migration.ts";

/** In which stage a version of a function runs, or ran last, and what stages are kept apart by. */
export const functionStages: Migration = {
  number: 6,
  name: "function stages",
  async up(trx, { text }) {
    await trx.schema
      .alterTable("function_versions")
      .addColumn("stage", text, (c) => c.notNull().defaultTo("functions"))
      .execute();
    await trx.schema
      .createTable("function_stages")
      .addColumn("name", text, (c) => c.primaryKey())
      .addColumn("isolation", text, (c) => c.notNull())
      .execute();
  },
};
