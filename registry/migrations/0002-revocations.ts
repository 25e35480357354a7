import type { Migration } from "./migration.ts";

/**
 * What processes that share a registry tell each other: whose credentials may no longer be honoured. One row for each key that was
 * ever revoked, so that who was away for however long misses nothing.
 */
export const revocations: Migration = {
  number: 2,
  name: "revocations",
  async up(trx, { text }) {
    await trx.schema
      .createTable("revocations")
      .addColumn("key", text, (c) => c.primaryKey())
      .addColumn("sequence", "bigint", (c) => c.notNull())
      .addColumn("origin", text, (c) => c.notNull())
      .execute();
    await trx.schema.createIndex("revocations_by_sequence").on("revocations").columns(["sequence", "key"]).execute();
  },
};
