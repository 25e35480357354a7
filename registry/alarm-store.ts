import type { Kysely } from "kysely";
import { z } from "zod";
import { SEVERITIES } from "../core/alarm-rule.ts";
import type { AlarmQuery, AlarmState, AlarmStore } from "../core/registry.ts";
import { applyAlarmEvents } from "./alarm-apply.ts";
import type { AlarmRow } from "./alarm-merge.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { checkPageLimit, decodeCursor, toPage } from "./page-cursor.ts";
import { inChunks, type Tables } from "./schema.ts";

const severitySchema = z.enum(SEVERITIES);

/** Alarms as they stand, newest first. Fed with the transitions of the `alarms` topic. */
export function createAlarmStore(db: Kysely<Tables>, write: ChangeWriter): AlarmStore {
  return {
    async applyEvents(events, positions, copies = []) {
      await write("millrace", async (change) => {
        await applyAlarmEvents(change, events, copies);
        await storePositions(change, positions);
      });
    },
    async positions() {
      const rows = await db.selectFrom("alarm_positions").selectAll().execute();
      return Object.fromEntries(rows.map(({ name, position }) => [name, position]));
    },
    async list(query) {
      checkPageLimit(query.limit);
      const rows = await listQuery(db, query)
        .orderBy("raised_at", "desc")
        .orderBy("id", "desc")
        .limit(query.limit + 1)
        .execute();
      return toPage(rows, query.limit, toAlarmState, ({ raised_at, id }) => [raised_at, id]);
    },
    async get(tenant, id) {
      const query = db.selectFrom("alarms").selectAll().where("tenant", "=", tenant).where("id", "=", id);
      const row = await query.executeTakeFirst();
      return row === undefined ? null : toAlarmState(row);
    },
    async counts(tenant) {
      const row = await db
        .selectFrom("alarms")
        .select((eb) => [eb.fn.countAll().as("total"), eb.fn.sum("active").as("active")])
        .where("tenant", "=", tenant)
        .executeTakeFirstOrThrow();
      return { active: Number(row.active ?? 0), total: Number(row.total) };
    },
  };
}

async function storePositions({ trx }: Change, positions: Readonly<Record<string, number>>): Promise<void> {
  const rows = Object.entries(positions).map(([name, position]) => ({ name, position }));
  for (const chunk of inChunks(rows)) {
    await trx
      .insertInto("alarm_positions")
      .values(chunk)
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet((eb) => ({ position: eb.ref("excluded.position") })),
      )
      .execute();
  }
}

function listQuery(db: Kysely<Tables>, { tenant, active, device, after }: AlarmQuery) {
  let query = db.selectFrom("alarms").selectAll().where("tenant", "=", tenant);
  if (active !== undefined) query = query.where("active", "=", active ? 1 : 0);
  if (device !== undefined) query = query.where("device", "=", device);
  if (after === undefined) return query;
  const [raisedAt, id] = decodeCursor(after, ["number", "string"]);
  return query.where((eb) =>
    eb.or([
      eb("raised_at", "<", Number(raisedAt)),
      eb.and([eb("raised_at", "=", Number(raisedAt)), eb("id", "<", String(id))]),
    ]),
  );
}

function toAlarmState(row: AlarmRow): AlarmState {
  return {
    id: row.id,
    tenant: row.tenant,
    device: row.device,
    rule: row.rule,
    ruleName: row.rule_name,
    severity: severitySchema.parse(row.severity),
    active: row.active !== 0,
    raisedAt: row.raised_at,
    clearedAt: row.cleared_at,
    metric: row.metric,
    value: row.value,
    message: row.message,
  };
}
