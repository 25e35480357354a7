import type { Migration } from "./migration.ts";

/** In which stage a version of a function runs, or ran last. */
export const functionStages: Migration = {
  number: 6,
  name: "function stages",
  async up(trx, { text }) {
    await trx.schema
      .alterTable("function_versions")
      .addColumn("stage", text, (c) => c.notNull().defaultTo("functions"))
      .execute();
  },
};
