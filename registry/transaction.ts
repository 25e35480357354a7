import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely, Transaction } from "kysely";
import { LIMITS } from "../core/limits.ts";
import { isConflict } from "./postgres/conflict.ts";
import type { Tables } from "./schema.ts";

const CONFLICT_DELAY_MS = 20;

/**
 * The registry's only way into a writing transaction. Runs `work` again from its beginning when PostgreSQL broke it off for the sake
 * of another (deadlock, serialization failure); SQLite's driver waits for the write lock instead. So `work` changes nothing outside
 * of the transaction but what it makes anew each time.
 */
export async function inTransaction<T>(db: Kysely<Tables>, work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (!isConflict(error) || attempt >= LIMITS.registryConflictAttemptsMax) throw error;
      await sleep(attempt * CONFLICT_DELAY_MS);
    }
  }
}
