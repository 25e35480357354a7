import { Readable } from "node:stream";
import { arrayBuffer, text } from "node:stream/consumers";
import {
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
  type ClickHouseClient,
  type ClickHouseSettings,
} from "@clickhouse/client";
import { z } from "zod";
import { isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { toSinkError } from "./clickhouse-error.ts";
import { createClientCache } from "./client-cache.ts";
import type { Limits } from "../../core/limits.ts";
import type { ClickHouseConnection, ConnectionSource } from "./clickhouse-connection.ts";

/** Values of `{name:Type}` placeholders. No arrays of strings: the embedded ClickHouse mangles quotes in them. */
export type BoundValues = Readonly<Record<string, string | number | readonly number[]>>;

/** RowBinary has one value after the other, Native (wire/native-block.ts) one column. */
export type InsertFormat = "RowBinary" | "Native";

export interface RowsInsert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly format: InsertFormat;
  readonly rows: Uint8Array;
  /** Another insert with the same token into the same table and partition does nothing. */
  readonly token: string;
}

/** What this room asks of ClickHouse, wherever it is. Errors: SINK_UNAVAILABLE, SINK_REFUSED, and CONFIG_INVALID from a server. */
export interface ClickHouseLink {
  query<Row>(sql: string, row: z.ZodType<Row>, values?: BoundValues): Promise<readonly Row[]>;
  /** Whether the user has all these rights on its database; null where ClickHouse is too old to say. */
  isGranted(rights: readonly string[]): Promise<boolean | null>;
  /** DDL and mutations. */
  command(sql: string, values?: BoundValues): Promise<void>;
  /** The answer as it is, in the format that the statement names, without the ceilings of a question that somebody waits for. */
  read(sql: string): Promise<Uint8Array>;
  /** One insert, one block: all rows must lie in one partition of the table. */
  insert(insert: RowsInsert): Promise<void>;
  close(): Promise<void>;
}

const SYNTAX_ERROR = "62";
const MIB = 1024 * 1024;
const PIECE_BYTES = MIB;
/** Below the server's own time-out (3 s in the cloud, 10 s elsewhere), or a request meets a socket that is being closed. */
const IDLE_SOCKET_MS = 2500;
/** The fastest that ClickHouse and Node share. */
const COMPRESSION = { request: { codec: "zstd", level: 1 }, response: { codec: "zstd" } } as const;

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

/** How long each kind of request may take in all, ms. */
export type LinkTimeouts = Pick<Limits, "insertTimeoutMs" | "queryTimeoutMs" | "tableCommandTimeoutMs">;

/** A client and where it leads: errors are told by the place. */
interface OpenLink {
  readonly client: ClickHouseClient;
  readonly connection: ClickHouseConnection;
  close(): Promise<void>;
}

export function createClickHouseLink(source: ConnectionSource, timeouts: LinkTimeouts = LIMITS): ClickHouseLink {
  const links = createClientCache(source, (connection) => openLink(connection, timeouts));
  const attempt = async <T>(
    doing: string,
    timeoutMs: number,
    run: (client: ClickHouseClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const { client, connection } = await links.current().catch((error: unknown) => {
      throw toSinkError(error, doing, null);
    });
    // For the whole exchange: the client's own time-out is one of silence, which an answer that trickles never breaks.
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await run(client, signal);
    } catch (error) {
      if (error instanceof z.ZodError) throw error;
      const cause = signal.aborted ? new Error(`no answer within ${timeoutMs} ms`, { cause: error }) : error;
      throw toSinkError(cause, doing, connection);
    }
  };
  return {
    query(sql, row, values = {}) {
      return attempt("answer a query", timeouts.queryTimeoutMs, async (client, signal) => {
        const options = { format: "JSONEachRow", query_params: { ...values }, abort_signal: signal } as const;
        const result = await client.query({ query: sql, ...options, clickhouse_settings: QUERY_SETTINGS });
        return z.array(row).parse(await result.json());
      });
    },
    async isGranted(rights) {
      // The statement takes no FORMAT clause, which query() would add.
      const query = `CHECK GRANT ${rights.join(", ")} ON *`;
      return attempt("check its user's rights", timeouts.queryTimeoutMs, async (client, signal) => {
        const { stream } = await client.exec({ query, abort_signal: signal });
        return (await text(stream)).trim() === "1";
      }).catch((error: unknown) => {
        const cause = isMillraceError(error) ? error.cause : undefined;
        if (cause instanceof ClickHouseError && cause.code === SYNTAX_ERROR) return null;
        throw error;
      });
    },
    async command(sql, values = {}) {
      await attempt("run a command", timeouts.tableCommandTimeoutMs, (client, signal) =>
        client.command({ query: sql, query_params: { ...values }, abort_signal: signal }),
      );
    },
    read(sql) {
      return attempt("read a table", timeouts.tableCommandTimeoutMs, async (client, signal) => {
        const { stream } = await client.exec({ query: sql, abort_signal: signal });
        return new Uint8Array(await arrayBuffer(stream));
      });
    },
    async insert({ table, columns, format, rows, token }) {
      await attempt(`insert into ${table}`, timeouts.insertTimeoutMs, async (client, signal) => {
        const result = await client.exec({
          query: `INSERT INTO ${table} (${columns.join(", ")}) FORMAT ${format}`,
          values: Readable.from(pieces(rows), { objectMode: false }),
          clickhouse_settings: { ...INSERT_SETTINGS, insert_deduplication_token: token },
          abort_signal: signal,
        });
        // The socket is free again only when the answer has been read.
        for await (const _ of result.stream) continue;
      });
    },
    close: () => links.close(),
  };
}

/** Pieces of a body, so that compressing and sending overlap. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

function openLink(connection: ClickHouseConnection, { tableCommandTimeoutMs }: LinkTimeouts): OpenLink {
  const { place, ...server } = connection;
  const client = createClient({
    ...server,
    application: "millrace",
    request_timeout: tableCommandTimeoutMs,
    max_open_connections: LIMITS.clickhouseConnectionsMax,
    keep_alive: { idle_socket_ttl: IDLE_SOCKET_MS },
    // Over loopback it would only cost CPU.
    ...(place === "server" ? { compression: COMPRESSION } : {}),
    log: { level: ClickHouseLogLevel.OFF },
  });
  return { client, connection, close: () => client.close() };
}
