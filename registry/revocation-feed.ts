import type { Kysely } from "kysely";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChangeSignal } from "./change-signal.ts";
import { ROWS_PER_STATEMENT, type Tables } from "./schema.ts";

/** Asked so often even when nothing is heard: a lost notification costs this and no more. */
const POLL_MS = 500;

export interface RevocationFeedOptions {
  readonly db: Kysely<Tables>;
  readonly signal: ChangeSignal;
  /** Names this open registry in the rows that it writes: those it has told its listeners itself. */
  readonly origin: string;
  readonly onRevoked: (keys: readonly string[]) => Promise<void>;
  readonly logger: Logger;
}

export interface RevocationFeed {
  stop(): Promise<void>;
}

/** Where the feed has read up to. Rows of one change share their sequence. */
interface Position {
  readonly sequence: number;
  readonly key: string;
}

/** Tells of revocations that other processes commit from now on. What is told is what the table says; being woken only makes it quick. */
export async function startRevocationFeed(options: RevocationFeedOptions): Promise<RevocationFeed> {
  const { db, signal, logger } = options;
  const stopping = new AbortController();
  let position: Position = { sequence: await newestSequence(db), key: "" };
  let failing = false;

  const catchUp = async (): Promise<void> => {
    for (let full = true; full && !stopping.signal.aborted;) {
      const rows = await revocationsAfter(db, position);
      const last = rows.at(-1);
      if (last === undefined) return;
      position = { sequence: last.sequence, key: last.key };
      const keys = rows.filter(({ origin }) => origin !== options.origin).map(({ key }) => key);
      if (keys.length > 0) await options.onRevoked(keys);
      full = rows.length === ROWS_PER_STATEMENT;
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const version = signal.version();
      try {
        await catchUp();
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ cause: errorText(error) }, "revocations of other processes are not seen");
        failing = true;
      }
      await signal.after(version, POLL_MS, stopping.signal);
    }
  };
  const running = loop();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function newestSequence(db: Kysely<Tables>): Promise<number> {
  const row = await db.selectFrom("counters").select("value").where("name", "=", "sequence").executeTakeFirstOrThrow();
  return row.value;
}

function revocationsAfter(db: Kysely<Tables>, { sequence, key }: Position) {
  return db
    .selectFrom("revocations")
    .selectAll()
    .where((eb) => eb.or([eb("sequence", ">", sequence), eb.and([eb("sequence", "=", sequence), eb("key", ">", key)])]))
    .orderBy("sequence")
    .orderBy("key")
    .limit(ROWS_PER_STATEMENT)
    .execute();
}
