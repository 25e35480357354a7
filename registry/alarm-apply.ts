import type { AlarmEvent } from "../core/derived-records.ts";
import { deviceKey } from "../core/ids.ts";
import { notificationId } from "../core/notification-ids.ts";
import type { Addressee } from "../core/registry.ts";
import { type AlarmRow, mergeAlarm } from "./alarm-merge.ts";
import type { Change } from "./change-writer.ts";
import { inChunks } from "./schema.ts";

/** Alarm ids are unique within their tenant; no id holds a slash or a blank. */
function transitionKey({ tenant, id, transition }: AlarmEvent): string {
  return `${tenant}/${id}/${transition}`;
}

/**
 * Applies transitions never seen before, and queues a notification for each, with a copy for each destination in `copies`. Whatever was
 * seen changes nothing.
 */
export async function applyAlarmEvents(
  change: Change,
  events: readonly AlarmEvent[],
  copies: readonly string[],
): Promise<void> {
  for (const [tenant, ofTenant] of Map.groupBy(events, (event) => event.tenant)) {
    for (const chunk of inChunks(ofTenant)) {
      const fresh = await withoutSeen(change, tenant, chunk);
      if (fresh.length === 0) continue;
      await markSeen(change, fresh);
      for (const addressee of [null, ...copies]) await queueNotifications(change, fresh, addressee);
      await upsertAlarms(change, tenant, await withoutErased(change, tenant, fresh));
    }
  }
}

/** First of its kind in the chunk and not in the table. */
async function withoutSeen(change: Change, tenant: string, events: readonly AlarmEvent[]): Promise<AlarmEvent[]> {
  const rows = await change.trx
    .selectFrom("alarm_transitions")
    .select(["alarm", "transition"])
    .where("tenant", "=", tenant)
    .where("alarm", "in", [...new Set(events.map(({ id }) => id))])
    .execute();
  const seen = new Set(rows.map(({ alarm, transition }) => `${tenant}/${alarm}/${transition}`));
  return events.filter((event) => {
    const key = transitionKey(event);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

async function markSeen({ trx }: Change, events: readonly AlarmEvent[]): Promise<void> {
  const rows = events.map(({ tenant, id, transition }) => ({ tenant, alarm: id, transition }));
  await trx.insertInto("alarm_transitions").values(rows).execute();
}

async function queueNotifications(change: Change, events: readonly AlarmEvent[], addressee: Addressee): Promise<void> {
  const rows = events.map((event) => ({
    sequence: change.nextSequence(),
    id: notificationId(transitionKey(event), addressee),
    kind: "alarm" as const,
    tenant: event.tenant,
    device: event.device,
    body: JSON.stringify(event),
    state: "pending" as const,
    attempts: 0,
    next_attempt_at: change.at,
    last_error: null,
  }));
  await change.trx
    .insertInto("notifications")
    .values(rows)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/**
 * Events of a removed device are told to people but leave no history: those received before the removal, those that come while no
 * such device is there, and the clearing that the removal itself caused. A device made again under the same id has its own history.
 */
async function withoutErased(
  { trx }: Change,
  tenant: string,
  events: readonly AlarmEvent[],
): Promise<readonly AlarmEvent[]> {
  const erased = await trx
    .selectFrom("erased_devices")
    .leftJoin("devices", (join) =>
      join.onRef("devices.tenant", "=", "erased_devices.tenant").onRef("devices.id", "=", "erased_devices.device"),
    )
    .select(["erased_devices.device", "erased_devices.at", "devices.id as present"])
    .where("erased_devices.tenant", "=", tenant)
    .where("erased_devices.device", "in", [...new Set(events.map(({ device }) => device))])
    .execute();
  if (erased.length === 0) return events;
  const byKey = new Map(erased.map((row) => [deviceKey(tenant, row.device), row]));
  return events.filter((event) => {
    const row = byKey.get(deviceKey(tenant, event.device));
    if (row === undefined) return true;
    return row.present !== null && event.received > row.at && event.reason !== "device-removed";
  });
}

async function upsertAlarms({ trx }: Change, tenant: string, events: readonly AlarmEvent[]): Promise<void> {
  if (events.length === 0) return;
  const before = await trx
    .selectFrom("alarms")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "in", [...new Set(events.map(({ id }) => id))])
    .execute();
  const rows = new Map<string, AlarmRow>(before.map((row) => [row.id, row]));
  for (const event of events) rows.set(event.id, mergeAlarm(rows.get(event.id), event));
  await trx
    .insertInto("alarms")
    .values([...rows.values()])
    .onConflict((conflict) =>
      conflict.columns(["tenant", "id"]).doUpdateSet((eb) => ({
        rule_name: eb.ref("excluded.rule_name"),
        severity: eb.ref("excluded.severity"),
        active: eb.ref("excluded.active"),
        raised_at: eb.ref("excluded.raised_at"),
        cleared_at: eb.ref("excluded.cleared_at"),
        metric: eb.ref("excluded.metric"),
        value: eb.ref("excluded.value"),
        message: eb.ref("excluded.message"),
      })),
    )
    .execute();
}
