import { Readable } from "node:stream";
import { ClickHouseLogLevel, createClient, type ClickHouseClient, type ClickHouseSettings } from "@clickhouse/client";
import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { toSinkError } from "./clickhouse-error.ts";
import { createClientCache } from "./client-cache.ts";
import type { ClickHouseConnection, ConnectionSource } from "./clickhouse-connection.ts";

/** Values of `{name:Type}` placeholders. No arrays of strings: the embedded ClickHouse mangles quotes in them. */
export type BoundValues = Readonly<Record<string, string | number | readonly number[]>>;

export interface RowBinaryInsert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: Uint8Array;
  /** Another insert with the same token into the same table and partition does nothing. */
  readonly token: string;
}

/** What this room asks of ClickHouse, wherever it is. Errors: SINK_UNAVAILABLE, SINK_REFUSED. */
export interface ClickHouseLink {
  query<Row>(sql: string, row: z.ZodType<Row>, values?: BoundValues): Promise<readonly Row[]>;
  /** DDL and mutations. */
  command(sql: string, values?: BoundValues): Promise<void>;
  /** One insert, one block: all rows must lie in one partition of the table. */
  insert(insert: RowBinaryInsert): Promise<void>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;

/** A dashboard's question must not take the machine from the rest: few threads, a memory ceiling, a deadline. */
const QUERY_SETTINGS: ClickHouseSettings = {
  max_execution_time: LIMITS.querySecondsMax,
  max_threads: LIMITS.queryThreadsMax,
  max_memory_usage: String(LIMITS.queryMemoryBytesMax),
  max_bytes_before_external_group_by: String(100 * MIB),
  output_format_json_quote_64bit_integers: 0,
};

/** One thread and no splitting: the rows become one block, so that the token stands for all of them or none. */
const INSERT_SETTINGS: ClickHouseSettings = {
  max_threads: 1,
  max_insert_threads: "1",
  max_block_size: String(4 * LIMITS.insertRowsMax),
  max_insert_block_size: String(4 * LIMITS.insertRowsMax),
  min_insert_block_size_rows: String(4 * LIMITS.insertRowsMax),
  min_insert_block_size_bytes: "0",
  input_format_parallel_parsing: 0,
  async_insert: 0,
  insert_deduplicate: 1,
};

export function createClickHouseLink(source: ConnectionSource): ClickHouseLink {
  const clients = createClientCache(source, openClient);
  return {
    async query(sql, row, values = {}) {
      return attempt("answer a query", async () => {
        const options = {
          format: "JSONEachRow",
          query_params: { ...values },
          clickhouse_settings: QUERY_SETTINGS,
        } as const;
        const result = await (await clients.current()).query({ query: sql, ...options });
        return z.array(row).parse(await result.json());
      });
    },
    async command(sql, values = {}) {
      await attempt("run a command", async () =>
        (await clients.current()).command({ query: sql, query_params: { ...values } }),
      );
    },
    async insert({ table, columns, rows, token }) {
      await attempt(`insert into ${table}`, async () => {
        const client = await clients.current();
        const result = await client.exec({
          query: `INSERT INTO ${table} (${columns.join(", ")}) FORMAT RowBinary`,
          values: Readable.from([rows], { objectMode: false }),
          clickhouse_settings: { ...INSERT_SETTINGS, insert_deduplication_token: token },
        });
        // The socket is free again only when the answer has been read.
        for await (const _ of result.stream) continue;
      });
    },
    close: () => clients.close(),
  };
}

async function attempt<T>(doing: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
    throw toSinkError(error, doing);
  }
}

function openClient(connection: ClickHouseConnection): ClickHouseClient {
  return createClient({
    ...connection,
    application: "millrace",
    request_timeout: LIMITS.insertTimeoutMs,
    max_open_connections: LIMITS.clickhouseConnectionsMax,
    // Below the server's own time-out (3 s in the cloud), or a request meets a socket that is being closed.
    keep_alive: { idle_socket_ttl: 2000 },
    log: { level: ClickHouseLogLevel.OFF },
  });
}
