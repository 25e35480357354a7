import type { Migration } from "./migration.ts";

/** Users' functions: every version with its code, and which one of a function runs. */
export const functions: Migration = {
  number: 4,
  name: "functions",
  async up(trx, { text }) {
    await trx.schema
      .createTable("function_versions")
      .addColumn("name", text, (c) => c.notNull())
      .addColumn("version", "bigint", (c) => c.notNull())
      .addColumn("kind", text, (c) => c.notNull())
      .addColumn("hash", text, (c) => c.notNull())
      .addColumn("code", text, (c) => c.notNull())
      .addColumn("code_bytes", "bigint", (c) => c.notNull())
      .addColumn("state_version", "bigint")
      .addColumn("state_shape", text)
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("created_by", text, (c) => c.notNull())
      .addPrimaryKeyConstraint("function_versions_key", ["name", "version"])
      .addUniqueConstraint("function_versions_by_hash", ["name", "hash"])
      .execute();
    await trx.schema
      .createTable("functions")
      .addColumn("name", text, (c) => c.primaryKey())
      .addColumn("version", "bigint", (c) => c.notNull())
      .addForeignKeyConstraint("functions_version", ["name", "version"], "function_versions", ["name", "version"])
      .execute();
  },
};
