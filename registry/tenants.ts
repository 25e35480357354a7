import type { Change } from "./change-writer.ts";

/** Tenants come into being with what is first put into them. */
export async function ensureTenants(change: Change, tenants: ReadonlySet<string>): Promise<void> {
  for (const id of tenants) {
    await change.trx
      .insertInto("tenants")
      .values({ id, created_at: change.at })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }
}
