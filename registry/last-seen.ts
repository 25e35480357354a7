import type { Kysely } from "kysely";
import { parseDeviceKey } from "../core/ids.ts";
import type { ChangeWriter } from "./change-writer.ts";
import { inChunks, type Tables } from "./schema.ts";

type LastSeenRow = Tables["last_seen"];

/** Writes last-seen times in one transaction. Keys of unknown devices are ignored; a time never moves backwards. */
export async function writeLastSeen(write: ChangeWriter, lastSeen: ReadonlyMap<string, number>): Promise<void> {
  const rows = [...lastSeen].flatMap(([key, at]) => {
    const parsed = parseDeviceKey(key);
    return parsed === null ? [] : [{ ...parsed, at }];
  });
  if (rows.length === 0) return;
  await write("millrace", async ({ trx }) => {
    for (const [tenant, ofTenant] of Map.groupBy(rows, (row) => row.tenant)) {
      for (const chunk of inChunks(ofTenant)) {
        const known = await knownDevices(trx, tenant, chunk);
        const written = chunk.filter(({ device }) => known.has(device));
        if (written.length > 0) await upsertLastSeen(trx, written);
      }
    }
  });
}

async function knownDevices(
  db: Kysely<Tables>,
  tenant: string,
  rows: readonly LastSeenRow[],
): Promise<ReadonlySet<string>> {
  const ids = rows.map(({ device }) => device);
  const found = await db
    .selectFrom("devices")
    .select("id")
    .where("tenant", "=", tenant)
    .where("id", "in", ids)
    .execute();
  return new Set(found.map(({ id }) => id));
}

async function upsertLastSeen(db: Kysely<Tables>, rows: readonly LastSeenRow[]): Promise<void> {
  await db
    .insertInto("last_seen")
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(["tenant", "device"])
        .doUpdateSet((eb) => ({ at: eb.ref("excluded.at") }))
        .whereRef("last_seen.at", "<", "excluded.at"),
    )
    .execute();
}
