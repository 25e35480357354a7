import type { Transaction } from "kysely";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
import type { RegistryEngine } from "./engine.ts";
import { inChunks, type Tables } from "./schema.ts";
import { storableText } from "./storable-text.ts";
import { inTransaction } from "./transaction.ts";
import type { Turns } from "./turns.ts";

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

/**
 * Runs `work` in one transaction: its rows, audit entries and control records become visible together or not at all. It may run again
 * from its beginning: see inTransaction.
 */
export type ChangeWriter = <T>(actor: string, work: (change: Change) => Promise<T>) => Promise<T>;

export interface ChangeWriterOptions {
  readonly engine: Pick<RegistryEngine, "db" | "announce">;
  /** Changes of this process wait here and not at the database, so that they take one of its connections and reads find the others. */
  readonly turns: Turns;
  readonly clock: Clock;
  /** Names this open registry in the revocations that it writes. */
  readonly origin: string;
  /** After each commit that left something to relay or to revoke. */
  readonly onChange: () => void;
  /** The change is made; who asked for it is told when this resolves. */
  readonly onRevoked: (keys: readonly string[]) => Promise<void> | void;
}

type AuditRow = Tables["audit"];
type OutboxRow = Tables["control_outbox"];

export function createChangeWriter(options: ChangeWriterOptions): ChangeWriter {
  const { engine, turns, onChange, onRevoked } = options;
  return async (actor, work) => {
    const { value, revoked, announced } = await turns.run(() =>
      inTransaction(engine.db, (trx) => change(trx, options, actor, work)),
    );
    if (announced) onChange();
    if (revoked.length > 0) await onRevoked(revoked);
    return value;
  };
}

async function change<T>(
  trx: Transaction<Tables>,
  { engine, clock, origin }: ChangeWriterOptions,
  actor: string,
  work: (change: Change) => Promise<T>,
) {
  // First of all, because this row's lock makes writers wait for each other on PostgreSQL as well, until they have committed: what
  // they read is then the newest state, and sequences become visible in order. A sequence of PostgreSQL's own would not: a number
  // taken early may be committed late, after the relay has passed it.
  const first = await lockSequence(trx);
  let sequence = first;
  const at = clock.now();
  const revoked = new Set<string>();
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
  for (const keys of inChunks([...revoked])) await writeRevocations(trx, keys, first, origin);
  await trx.updateTable("counters").set({ value: sequence }).where("name", "=", "sequence").execute();
  const announced = outboxRows.length > 0 || revoked.size > 0;
  if (announced) await engine.announce(trx);
  return { value, revoked: [...revoked], announced };
}

async function writeRevocations(
  trx: Transaction<Tables>,
  keys: readonly string[],
  sequence: number,
  origin: string,
): Promise<void> {
  await trx
    .insertInto("revocations")
    .values(keys.map((key) => ({ key, sequence, origin })))
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ sequence, origin }))
    .execute();
}

/** A number above all given out before, and the lock on giving out more until the transaction ends. */
async function lockSequence(trx: Transaction<Tables>): Promise<number> {
  const row = await trx
    .updateTable("counters")
    .set((eb) => ({ value: eb("value", "+", 1) }))
    .where("name", "=", "sequence")
    .returning("value")
    .executeTakeFirstOrThrow();
  return row.value;
}
