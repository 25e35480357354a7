import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
import { inChunks, type Tables } from "./schema.ts";
import { storableText } from "./storable-text.ts";

/** One change of the registry while its transaction is open. */
export interface Change {
  readonly trx: Transaction<Tables>;
  /** UTC ms, the same for all that the change writes. */
  readonly at: number;
  /** A number above all given out before. Commit order is number order: the relay and the pages rely on it. */
  nextSequence(): number;
  audit(action: string, target: string, detail: string): void;
  /**
   * Queues a control record. It gets its own sequence as revision, which therefore grows per target, also when a target is removed
   * and made again. Returns the sequence.
   */
  control(key: string | null, make: (revision: number) => ControlRecord): number;
  /** Reports after the commit that credentials of `tenant/device` may no longer be honoured. */
  revoke(key: string): void;
}

/** Runs `work` in one transaction: its rows, audit entries and control records become visible together or not at all. */
export type ChangeWriter = <T>(actor: string, work: (change: Change) => Promise<T>) => Promise<T>;

export interface ChangeWriterOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  /** The change is made; who asked for it is told when this resolves. */
  readonly onRevoked: (keys: readonly string[]) => Promise<void> | void;
}

type AuditRow = Tables["audit"];
type OutboxRow = Tables["control_outbox"];

export function createChangeWriter({ db, clock, onRevoked }: ChangeWriterOptions): ChangeWriter {
  return async (actor, work) => {
    const revoked = new Set<string>();
    const result = await db.transaction().execute(async (trx) => {
      // First of all, because this row's lock makes writers wait for each other on PostgreSQL as well: what they read is then
      // the newest state, and sequences become visible in order.
      let sequence = await lockSequence(trx);
      const at = clock.now();
      const auditRows: AuditRow[] = [];
      const outboxRows: OutboxRow[] = [];
      const nextSequence = () => ++sequence;
      const value = await work({
        trx,
        at,
        nextSequence,
        audit: (action, target, detail) =>
          void auditRows.push({
            sequence: nextSequence(),
            at,
            actor: storableText(actor),
            action: storableText(action),
            target: storableText(target),
            detail: storableText(detail),
          }),
        control(key, make) {
          const revision = nextSequence();
          outboxRows.push({ sequence: revision, key, control: JSON.stringify(make(revision)), created_at: at });
          return revision;
        },
        revoke: (key) => void revoked.add(key),
      });
      for (const rows of inChunks(auditRows)) await trx.insertInto("audit").values(rows).execute();
      for (const rows of inChunks(outboxRows)) await trx.insertInto("control_outbox").values(rows).execute();
      await trx.updateTable("counters").set({ value: sequence }).where("name", "=", "sequence").execute();
      return value;
    });
    if (revoked.size > 0) await onRevoked([...revoked]);
    return result;
  };
}

async function lockSequence(trx: Transaction<Tables>): Promise<number> {
  const row = await trx
    .updateTable("counters")
    .set((eb) => ({ value: eb("value", "+", 1) }))
    .where("name", "=", "sequence")
    .returning("value")
    .executeTakeFirstOrThrow();
  return row.value;
}
