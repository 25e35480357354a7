import { notificationId } from "../core/notification-ids.ts";
import type { Kysely } from "kysely";
import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import type { Addressee, NotificationOutbox } from "../core/registry.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { inChunks, type Tables } from "./schema.ts";
import { storableText } from "./storable-text.ts";

type Settlement = Parameters<NotificationOutbox["settle"]>[1];

const bodySchema = z.looseObject({});

/**
 * Notifications until somebody has them. A delivered one keeps its id, so that it is never queued again, and loses its body:
 * what is told need not be stored.
 */
export function createNotificationOutbox(db: Kysely<Tables>, write: ChangeWriter): NotificationOutbox {
  return {
    async enqueue(id, kind, body) {
      await write("millrace", async ({ trx, at, nextSequence }) => {
        const row = { sequence: nextSequence(), id, kind, tenant: null, device: null, body: JSON.stringify(body) };
        await trx
          .insertInto("notifications")
          .values({ ...row, state: "pending", attempts: 0, next_attempt_at: at, last_error: null })
          .onConflict((conflict) => conflict.column("id").doNothing())
          .execute();
      });
    },
    async due(nowMs, limit, except = []) {
      let query = db
        .selectFrom("notifications")
        .select(["id", "kind", "body", "attempts"])
        .where("state", "=", "pending")
        .where("next_attempt_at", "<=", nowMs);
      for (const addressee of except)
        query = query.where("id", addressee === null ? "like" : "not like", idsOf(addressee));
      const rows = await query.orderBy("next_attempt_at").orderBy("sequence").limit(limit).execute();
      return rows.map(({ id, kind, body, attempts }) => ({
        id,
        kind,
        body: bodySchema.parse(JSON.parse(body)),
        attempts: attempts,
      }));
    },
    async waiting(addressee) {
      const row = await db
        .selectFrom("notifications")
        .select((eb) => eb.fn.countAll().as("count"))
        .where("state", "=", "pending")
        .where("id", addressee === null ? "not like" : "like", idsOf(addressee))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    async settle(id, result) {
      await write("millrace", (change) => settleNotification(change, id, result));
    },
    async giveUp(ids, error) {
      await write("millrace", async ({ trx }) => {
        for (const chunk of inChunks(ids)) {
          await trx
            .updateTable("notifications")
            .set((eb) => ({ attempts: eb("attempts", "+", 1), state: "failed", last_error: storableText(error) }))
            .where("id", "in", chunk)
            .where("state", "=", "pending")
            .execute();
        }
      });
    },
    async counts() {
      const rows = await db
        .selectFrom("notifications")
        .select((eb) => ["state", eb.fn.countAll().as("count")])
        .groupBy("state")
        .execute();
      const count = (state: string) => Number(rows.find((row) => row.state === state)?.count ?? 0);
      return { pending: count("pending"), delivered: count("delivered"), failed: count("failed") };
    },
  };
}

/** A pattern for the ids of this addressee's rows; of null, for those of everybody else's. */
function idsOf(addressee: Addressee): string {
  return notificationId("%", addressee ?? "_".repeat(12));
}

/** NOT_FOUND for an id that was never queued. One that is settled for good stays as it is: two senders may have told the same. */
async function settleNotification({ trx }: Change, id: string, result: Settlement): Promise<void> {
  const row = await trx
    .selectFrom("notifications")
    .select(["state", "attempts"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new MillraceError("NOT_FOUND", `there is no notification "${id}"`);
  if (row.state !== "pending") return;
  await trx
    .updateTable("notifications")
    .set({ attempts: row.attempts + 1, ...outcome(result) })
    .where("id", "=", id)
    .execute();
}

function outcome(result: Settlement) {
  if (result.delivered) return { state: "delivered" as const, body: "{}", last_error: null };
  if (result.nextAttemptAt === null) return { state: "failed" as const, last_error: storableText(result.error) };
  return { next_attempt_at: result.nextAttemptAt, last_error: storableText(result.error) };
}
