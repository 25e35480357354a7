import { mkdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { errorText, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { StatementSync } from "node:sqlite";
import type { ColdEntry, ColdState } from "../engine/cold-state.ts";

export interface ColdFileOptions {
  readonly stage: string;
  /** Where the file is made; made when it is not there. The same for all threads of a process. */
  readonly directory: string;
  /** About how many bytes of memory the state of all partitions may take that the stage works in this thread. */
  readonly bytesMax: number;
  readonly monotonic: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The statements of one partition. */
interface Table {
  readonly put: StatementSync;
  readonly get: StatementSync;
}

/**
 * A file for the state of keys that memory does not hold, one for each thread of a stage. It is made when it is first needed, has no name from
 * then on where the system allows that, and is never synced: it ends with the thread, however that ends.
 */
export class ColdFile {
  private readonly options: ColdFileOptions;
  private readonly away: { add(by: number): void };
  private readonly back: { add(by: number): void };
  private database: DatabaseSync | null = null;
  private retryAt = -Infinity;
  private tables = 0;
  /** A state may be kept without an owner, or be thrown away at any step of a claim: its table goes when nobody can ask for it any more. */
  private readonly owned = new FinalizationRegistry<string>((name) => this.drop(name));

  constructor(options: ColdFileOptions) {
    this.options = options;
    const { metrics, stage } = options;
    this.away = metrics.counter(
      "millrace_stage_keys_put_away_total",
      "Keys whose state was put into a file, because memory holds no more.",
      { stage },
    );
    this.back = metrics.counter(
      "millrace_stage_keys_brought_back_total",
      "Keys whose state was read from that file again.",
      { stage },
    );
  }

  /**
   * For a partition that is restored, with nothing put away yet. The same partition may be restored twice at once, and its state of before be
   * still in use: each has a table of its own. `shares`: between how many partitions memory is shared.
   */
  partition(partition: number, shares: () => number): ColdState {
    let table: Table | null = null;
    this.tables += 1;
    const name = `p${partition}_${this.tables}`;
    const state: ColdState = {
      bytesMax: () => this.options.bytesMax / Math.max(1, shares()),
      put: (entries) => {
        const { monotonic, logger } = this.options;
        if (monotonic.now() < this.retryAt) return false;
        try {
          table ??= this.newTable(name);
          this.write(table, entries);
          return true;
        } catch (error) {
          this.retryAt = monotonic.now() + LIMITS.stageRetryDelayMsMax;
          const { stage } = this.options;
          logger.error(
            { stage, partition, err: error },
            `${this.options.directory} cannot be written: state that is not used stays in memory`,
          );
          return false;
        }
      },
      get: (key) => this.read(table, key),
    };
    this.owned.register(state, name);
    return state;
  }

  close(): void {
    this.database?.close();
    this.database = null;
  }

  private newTable(name: string): Table {
    const database = (this.database ??= openFile(this.options.directory));
    database.exec(`create table if not exists ${name} (key text primary key, slots text not null)`);
    return {
      put: database.prepare(`insert or replace into ${name} (key, slots) values (?, ?)`),
      get: database.prepare(`select slots from ${name} where key = ?`),
    };
  }

  private drop(name: string): void {
    try {
      this.database?.exec(`drop table if exists ${name}`);
    } catch (error) {
      const { stage, logger, directory } = this.options;
      const text = `${directory} cannot be written: what a partition has left there stays until the stage's thread ends`;
      logger.warn({ stage, err: error }, text);
    }
  }

  private write({ put }: Table, entries: readonly ColdEntry[]): void {
    this.database?.exec("begin");
    try {
      for (const { key, text } of entries) put.run(key, text);
      this.database?.exec("commit");
    } catch (error) {
      if (this.database?.isTransaction === true) this.database.exec("rollback");
      throw error;
    }
    this.away.add(entries.length);
  }

  private read(table: Table | null, key: string): string {
    try {
      const slots = table?.get.get(key)?.["slots"];
      if (typeof slots !== "string") throw new TypeError("nothing of it is there");
      this.back.add(1);
      return slots;
    } catch (cause) {
      const text = `the state of ${key}, which was put into ${this.options.directory}, cannot be read: ${errorText(cause)}`;
      throw new MillraceError("STATE_INVALID", text, {
        cause,
        remedy: "look after the disk; a restart reads the state from the journal",
      });
    }
  }
}

function openFile(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true });
  // Without a name it is SQLite's to make one, and to remove it at once.
  const database = new DatabaseSync("");
  database.exec(`pragma temp_store_directory = '${directory.replaceAll("'", "''")}'`);
  // Rows are larger than SQLite's page, and its cache (negative: in KiB) is all that this takes of memory.
  database.exec(
    `pragma page_size = 8192; pragma cache_size = -${LIMITS.coldCacheMib * 1024}; pragma journal_mode = memory`,
  );
  return database;
}
