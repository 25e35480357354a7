import type { Migration } from "./migration.ts";

/**
 * Which version has left the state that a function finds, where the one that runs keeps none. Null: nobody knows, or there is none. A release
 * before this one leaves it as it is, which is right whenever what it deploys keeps state.
 */
export const keptState: Migration = {
  number: 9,
  name: "kept state",
  oldestBeside: 8,
  async up(trx) {
    await trx.schema.alterTable("functions").addColumn("state_of", "bigint").execute();
  },
};
