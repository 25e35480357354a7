import type { Migration } from "./migration.ts";

/** What a call and the threads of a stage may take. Null: as the settings of the instance say. */
export const stageLimits: Migration = {
  number: 8,
  name: "stage limits",
  async up(trx) {
    for (const column of ["call_ms", "memory_mib", "state_mib"]) {
      await trx.schema.alterTable("function_stages").addColumn(column, "bigint").execute();
    }
  },
};
