import type { Migration } from "./migration.ts";

/** What a call and the threads of a stage may take. Null: as the settings of the instance say. */
export const stageAllowances: Migration = {
  number: 8,
  name: "stage allowances",
  async up(trx) {
    for (const column of ["call_ms", "memory_mib", "state_mib"]) {
      await trx.schema.alterTable("function_stages").addColumn(column, "bigint").execute();
    }
  },
};
