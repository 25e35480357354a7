import { Session } from "chdb";
import { LIMITS } from "../../../core/limits.ts";

export interface ChdbEngine {
  /** INSERT, DDL and mutations: one at a time, beside the reads. */
  write(sql: string): Promise<Uint8Array>;
  /** Queries, with values for their `{name:Type}` placeholders. */
  read(sql: string, parameters: Readonly<Record<string, string>>): Promise<Uint8Array>;
  /** Resolves when the engine itself answers, on a connection of its own. */
  probe(): Promise<void>;
  close(): void;
}

const MIB = 1024 * 1024;

/**
 * Server settings. The defaults suit a machine that runs nothing else: mark cache 5 GB, 16 merge threads. The memory ceiling makes a
 * query fail instead of the process; libchdb and Node take about 250 MB of it before the first row.
 */
const SERVER_SETTINGS: Readonly<Record<string, number>> = {
  mark_cache_size: 32 * MIB,
  index_mark_cache_size: 4 * MIB,
  primary_index_cache_size: 16 * MIB,
  uncompressed_cache_size: 0,
  compiled_expression_cache_size: MIB,
  mmap_cache_size: 16,
  background_pool_size: 2,
  background_schedule_pool_size: 2,
  max_server_memory_usage: LIMITS.chdbMemoryBytesMax,
};

/** Format of results whose SQL names none. */
const DEFAULT_FORMAT = "TabSeparated";

/** Opens the database at `path`. Throws when another process has it open. */
export function openChdbEngine(path: string): ChdbEngine {
  const connectionArgs = Object.entries(SERVER_SETTINGS).map(([name, value]) => `--${name}=${value}`);
  // One connection runs one query at a time, so inserts, queries and probes have one each: none waits for another.
  const writer = new Session(path, { connectionArgs });
  const reader = new Session(path, { connectionArgs });
  const prober = new Session(path, { connectionArgs });
  return {
    async write(sql) {
      return (await writer.queryAsync(sql, { format: DEFAULT_FORMAT })).bytes();
    },
    async read(sql, parameters) {
      const options = { format: DEFAULT_FORMAT };
      const bound = Object.keys(parameters).length > 0;
      const result = await (bound ? reader.queryBindAsync(sql, parameters, options) : reader.queryAsync(sql, options));
      return result.bytes();
    },
    async probe() {
      await prober.queryAsync("SELECT 1", { format: DEFAULT_FORMAT });
    },
    close() {
      for (const session of [prober, reader, writer]) session.close();
    },
  };
}
