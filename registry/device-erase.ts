import { deviceKey } from "../core/ids.ts";
import type { Change } from "./change-writer.ts";
import { deviceRemovedControl } from "./device-control.ts";
import { deviceNotFound } from "./not-found.ts";

/**
 * Erases a device: its row, credentials, last-seen time, alarms with their history, and what delivered or given-up notifications
 * said of it. Notifications that somebody is still owed stay until they are delivered. What remains is the id: in the audit, in
 * the ids of transitions already told, and in `erased_devices`, which keeps alarm events still on their way from bringing the
 * history back.
 */
export async function eraseDevice(change: Change, tenant: string, id: string): Promise<void> {
  const { trx } = change;
  const removed = await trx
    .deleteFrom("devices")
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  if (removed === undefined) throw deviceNotFound(tenant, id);
  await trx
    .deleteFrom("credentials")
    .where("kind", "=", "device")
    .where("tenant", "=", tenant)
    .where("principal", "=", id)
    .execute();
  // A later gateway of the same name is another one.
  await trx.updateTable("devices").set({ via: null }).where("tenant", "=", tenant).where("via", "=", id).execute();
  await trx.deleteFrom("alarms").where("tenant", "=", tenant).where("device", "=", id).execute();
  await trx
    .updateTable("notifications")
    .set({ body: "{}" })
    .where("tenant", "=", tenant)
    .where("device", "=", id)
    .where("state", "!=", "pending")
    .execute();
  await trx
    .insertInto("erased_devices")
    .values({ tenant, device: id, at: change.at })
    .onConflict((conflict) => conflict.columns(["tenant", "device"]).doUpdateSet({ at: change.at }))
    .execute();
  change.audit("device.removed", `device ${tenant}/${id}`, "");
  change.control(deviceKey(tenant, id), deviceRemovedControl(tenant, id));
  change.revoke(deviceKey(tenant, id));
}
