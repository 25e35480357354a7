import type { Kysely } from "kysely";
import { isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { GatewayStore } from "../core/registry.ts";
import type { ChangeWriter } from "./change-writer.ts";
import { putDevices } from "./device-put.ts";
import { inChunks, type Queries, type Tables } from "./schema.ts";

export function createGatewayStore(db: Kysely<Tables>, write: ChangeWriter): GatewayStore {
  return {
    async publishable(tenant, gateway, ids) {
      const asked = [...new Set(ids)].filter((id) => isId(id));
      if (!isId(tenant) || !isId(gateway) || asked.length === 0) return [];
      // Looked at first without a transaction: most of the time there is nothing to create.
      if ((await creatable(db, tenant, gateway, asked)).length > 0) {
        await write(`gateway ${gateway}`, async (change) => {
          // Again, because a device made by hand in between is not the gateway's to take.
          const fresh = await creatable(change.trx, tenant, gateway, asked);
          const inputs = fresh.map((id) => ({ tenant, id, via: gateway }));
          if (inputs.length > 0) await putDevices(change, inputs, "update");
        });
      }
      // Last, because another connection of the gateway may have created them in between.
      return ownDevices(db, tenant, gateway, asked);
    },
  };
}

/** None when there is no such gateway, or when it is disabled. */
async function ownDevices(
  db: Queries,
  tenant: string,
  gateway: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  if ((await gatewayRow(db, tenant, gateway)) === undefined) return [];
  const own: string[] = [];
  for (const chunk of inChunks(ids)) {
    const rows = await db
      .selectFrom("devices")
      .select("id")
      .where("tenant", "=", tenant)
      .where("id", "in", chunk)
      .where("disabled", "=", 0)
      .where((eb) => eb.or([eb("via", "=", gateway), eb("id", "=", gateway)]))
      .execute();
    for (const { id } of rows) own.push(id);
  }
  return own;
}

/** Those that the gateway may create: none that exists, nor one that somebody has removed, nor more than it may have. */
async function creatable(
  db: Queries,
  tenant: string,
  gateway: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const row = await gatewayRow(db, tenant, gateway);
  if (row === undefined || row.provisions === 0) return [];
  const taken = new Set<string>();
  for (const chunk of inChunks(ids)) {
    const devices = await db
      .selectFrom("devices")
      .select("id")
      .where("tenant", "=", tenant)
      .where("id", "in", chunk)
      .execute();
    const erased = await db
      .selectFrom("erased_devices")
      .select("device as id")
      .where("tenant", "=", tenant)
      .where("device", "in", chunk)
      .execute();
    for (const { id } of [...devices, ...erased]) taken.add(id);
  }
  const fresh = ids.filter((id) => !taken.has(id));
  if (fresh.length === 0) return [];
  const { count } = await db
    .selectFrom("devices")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("tenant", "=", tenant)
    .where("via", "=", gateway)
    .executeTakeFirstOrThrow();
  return fresh.slice(0, Math.max(0, LIMITS.devicesPerGatewayMax - count));
}

function gatewayRow(db: Queries, tenant: string, gateway: string) {
  return db
    .selectFrom("devices")
    .select("provisions")
    .where("tenant", "=", tenant)
    .where("id", "=", gateway)
    .where("gateway", "=", 1)
    .where("disabled", "=", 0)
    .executeTakeFirst();
}
