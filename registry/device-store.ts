import { type Kysely, sql } from "kysely";
import { MillraceError } from "../core/errors.ts";
import { deviceKey, isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Device, DeviceQuery, DeviceStore } from "../core/registry.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { deviceControl } from "./device-control.ts";
import { eraseDevice } from "./device-erase.ts";
import { putDevices } from "./device-put.ts";
import { deviceNotFound } from "./not-found.ts";
import { checkPageLimit, decodeCursor, toPage } from "./page-cursor.ts";
import { parseLabels } from "./parse-labels.ts";
import type { Queries, Tables } from "./schema.ts";
import { isStorable } from "./storable-text.ts";

export function createDeviceStore(db: Kysely<Tables>, write: ChangeWriter): DeviceStore {
  return {
    async get(tenant, id) {
      if (!isId(tenant) || !isId(id)) return null;
      const row = await selectDevices(db, tenant).where("devices.id", "=", id).executeTakeFirst();
      return row === undefined ? null : toDevice(row);
    },
    async list(query) {
      checkPageLimit(query.limit);
      if (!isId(query.tenant) || (query.type !== undefined && !isId(query.type))) return { items: [], next: null };
      const rows = await listQuery(db, query)
        .orderBy("devices.id")
        .limit(query.limit + 1)
        .execute();
      return toPage(rows, query.limit, toDevice, (row) => [row.id]);
    },
    async put(devices, actor) {
      await write(actor, (change) => putDevices(change, devices, "update"));
    },
    async change(tenant, id, { disabled, ...fields }, actor) {
      await write(actor, async (change) => {
        const row = await deviceRow(change, tenant, id);
        if (Object.keys(fields).length > 0) await putDevices(change, [{ tenant, id, ...fields }], "update");
        if (disabled !== undefined && disabled !== (row.disabled !== 0))
          await setDisabled(change, tenant, id, disabled);
      });
    },
    async remove(tenant, id, actor) {
      await write(actor, (change) => eraseDevice(change, tenant, id));
    },
  };
}

async function deviceRow({ trx }: Change, tenant: string, id: string): Promise<Tables["devices"]> {
  const row = await trx
    .selectFrom("devices")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw deviceNotFound(tenant, id);
  return row;
}

async function setDisabled(change: Change, tenant: string, id: string, disabled: boolean): Promise<void> {
  const { trx } = change;
  const flag = disabled ? 1 : 0;
  await trx.updateTable("devices").set({ disabled: flag }).where("tenant", "=", tenant).where("id", "=", id).execute();
  change.audit(disabled ? "device.disabled" : "device.enabled", `device ${tenant}/${id}`, "");
  change.control(deviceKey(tenant, id), deviceControl(await deviceRow(change, tenant, id)));
  if (disabled) change.revoke(deviceKey(tenant, id));
}

function selectDevices(db: Queries, tenant: string) {
  return db
    .selectFrom("devices")
    .leftJoin("last_seen", (join) =>
      join.onRef("last_seen.tenant", "=", "devices.tenant").onRef("last_seen.device", "=", "devices.id"),
    )
    .select([
      "devices.tenant",
      "devices.id",
      "devices.name",
      "devices.type",
      "devices.labels",
      "devices.disabled",
      "devices.created_at",
      "devices.gateway",
      "devices.provisions",
      "devices.via",
      "last_seen.at",
    ])
    .where("devices.tenant", "=", tenant);
}

function listQuery(db: Queries, { tenant, search, type, after }: DeviceQuery) {
  let query = selectDevices(db, tenant);
  if (type !== undefined) query = query.where("devices.type", "=", type);
  if (search !== undefined && search !== "") query = query.where(contains(search));
  if (after !== undefined) {
    const [id] = decodeCursor(after, ["string"]);
    query = query.where("devices.id", ">", String(id));
  }
  return query;
}

/** Id or name holds the text. Both sides are in lower case already; `%`, `_` and `\` stand for themselves. */
function contains(search: string) {
  if (search.length > LIMITS.searchCharactersMax) {
    throw new MillraceError("INVALID_INPUT", `search: at most ${LIMITS.searchCharactersMax} characters`);
  }
  if (!isStorable(search)) throw new MillraceError("INVALID_INPUT", "search: U+0000 or half a surrogate pair");
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<boolean>`${sql.ref("devices.search_text")} like ${pattern} escape '\\'`;
}

type DeviceListRow = Omit<Tables["devices"], "search_text"> & { readonly at: number | null };

function toDevice(row: DeviceListRow): Device {
  return {
    tenant: row.tenant,
    id: row.id,
    name: row.name,
    type: row.type,
    labels: parseLabels(row.labels),
    disabled: row.disabled !== 0,
    gateway: row.gateway !== 0,
    provisions: row.provisions !== 0,
    via: row.via,
    createdAt: row.created_at,
    lastSeen: row.at,
  };
}
