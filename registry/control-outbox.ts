import { performance } from "node:perf_hooks";
import type { Kysely } from "kysely";
import { controlSchema, type ControlRecord } from "../core/control.ts";
import { MillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ControlOutbox, OutboxEntry } from "../core/registry.ts";
import type { ChangeSignal } from "./change-signal.ts";
import type { ChangeWriter } from "./change-writer.ts";
import { readConfiguration } from "./read-configuration.ts";
import type { RegistryEngine } from "./engine.ts";
import type { Tables } from "./schema.ts";
import { inTransaction } from "./transaction.ts";

/** Asked so often even when nothing is heard: the relay may run in another process, and a notification may get lost. */
const DRAINED_POLL_MS = 100;

export interface ControlOutboxOptions {
  readonly engine: Pick<RegistryEngine, "db" | "announce">;
  readonly write: ChangeWriter;
  readonly signal: ChangeSignal;
  readonly logger: Logger;
}

/** An entry is a row until it is in the log. A relay that dies in between sends it again: the stages drop it by its revision. */
export function createControlOutbox({ engine, write, signal, logger }: ControlOutboxOptions): ControlOutbox {
  const { db } = engine;
  let looked = -1;
  return {
    async pending(limit) {
      looked = signal.version();
      const rows = await db.selectFrom("control_outbox").selectAll().orderBy("sequence").limit(limit).execute();
      const entries: OutboxEntry[] = [];
      for (const row of rows) {
        const { sequence, key } = row;
        const control = parseControl(row.control);
        if (control !== null) entries.push({ sequence, key, control });
        else await setAside(write, row, logger);
      }
      return entries;
    },
    async markSent(sequence) {
      await inTransaction(db, async (trx) => {
        await trx.deleteFrom("control_outbox").where("sequence", "<=", sequence).execute();
        // Who waits for `drained` may be another process.
        await engine.announce(trx);
      });
      signal.wake();
    },
    configuration: () => readConfiguration(db),
    changed: (waitMs, stopping) => signal.after(looked, waitMs, stopping),
    async enqueue(key, control, actor) {
      const parsed = controlSchema.safeParse(control);
      if (!parsed.success) throw new MillraceError("INVALID_INPUT", "not a control record", { cause: parsed.error });
      return write(actor, async (change) => {
        const sequence = change.control(key, () => control);
        change.audit("control.queued", key ?? "every partition", control.kind);
        return sequence;
      });
    },
    async drained(waitMs, sequence) {
      const upTo = sequence ?? (await newestPending(db));
      const deadline = performance.now() + waitMs;
      for (;;) {
        const version = signal.version();
        const left = await countUpTo(db, upTo);
        if (left === 0) return;
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) {
          throw new MillraceError("TIMED_OUT", `${left} control records are not in the log after ${waitMs} ms`);
        }
        await signal.after(version, Math.min(DRAINED_POLL_MS, leftMs));
      }
    },
  };
}

/** Null when the row is not what this release knows as a control record: damaged, or written by another release. */
function parseControl(text: string): ControlRecord | null {
  try {
    return controlSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The audit keeps what it was. */
async function setAside(write: ChangeWriter, row: Tables["control_outbox"], logger: Logger): Promise<void> {
  const { sequence, key, control } = row;
  logger.error(
    { sequence, key },
    "a control record cannot be read: it is set aside in the audit and does not reach the log",
  );
  await write("millrace", async (change) => {
    await change.trx.deleteFrom("control_outbox").where("sequence", "=", sequence).execute();
    change.audit("control.unreadable", key ?? "every partition", control);
  });
}

async function newestPending(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom("control_outbox")
    .select((eb) => eb.fn.max("sequence").as("newest"))
    .executeTakeFirst();
  return row?.newest ?? 0;
}

async function countUpTo(db: Kysely<Tables>, sequence: number): Promise<number> {
  const row = await db
    .selectFrom("control_outbox")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("sequence", "<=", sequence)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
