import { initialTables } from "./0001-initial-tables.ts";
import { rollups } from "./0002-rollups.ts";
import { supersededReadings } from "./0003-superseded-readings.ts";
import type { Migration } from "./migration.ts";

/** In order of their numbers; those that were released never change. */
export const MIGRATIONS: readonly Migration[] = [initialTables, rollups, supersededReadings];

/** All tables that hold rows. */
export const TABLES: readonly string[] = MIGRATIONS.flatMap(({ statements }) =>
  statements.flatMap((statement) => /^CREATE TABLE IF NOT EXISTS (\w+)/.exec(statement)?.[1] ?? []),
);
