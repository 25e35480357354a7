import { createHash, timingSafeEqual } from "node:crypto";
import { createWriteStream } from "node:fs";
import { unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { LIMITS } from "../../../core/limits.ts";
import { CHDB_USER } from "./chdb-messages.ts";
import { isRead, parseHttpStatement, takesBody, toChdbSql, toFileInsertSql } from "./http-statement.ts";
import type { ChdbEngine } from "./chdb-engine.ts";

export interface HttpFrontOptions {
  readonly engine: ChdbEngine;
  /** Folder for insert bodies. */
  readonly inserts: string;
  readonly password: string;
  /** Rejects when the engine cannot go on: asked before each answer to a ping. */
  readonly checkHealth: () => Promise<void>;
}

/** Above the client's `idle_socket_ttl`, or it meets closed sockets. */
const KEEP_ALIVE_MS = 10_000;
/** ClickHouse's AUTHENTICATION_FAILED and BAD_ARGUMENTS. */
const NOT_AUTHENTICATED = 516;
const BAD_ARGUMENTS = 36;
/** ClickHouse's UNKNOWN_EXCEPTION, for errors that carry no code. */
const NO_CODE = 1002;

/**
 * The part of ClickHouse's HTTP interface that @clickhouse/client needs. Only SQL of this project may reach it: chdb has no way to
 * keep a query from files and the network, so it listens on loopback with a password that lives as long as the process.
 */
export function createHttpFront(options: HttpFrontOptions): Server {
  const expected = digest(`Basic ${Buffer.from(`${CHDB_USER}:${options.password}`).toString("base64")}`);
  let inserts = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname === "/ping") {
      await options.checkHealth();
      return answer(response, "Ok.\n");
    }
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), expected)) {
      return refuse(response, 403, NOT_AUTHENTICATED, "wrong user or password. (AUTHENTICATION_FAILED)");
    }
    const query = url.searchParams.get("query");
    if (query !== null && takesBody(query)) {
      inserts += 1;
      await insertBody(request, url.searchParams, join(options.inserts, `${inserts}.bin`), options.engine);
      return answer(response, "");
    }
    const statement = parseHttpStatement(url.searchParams, await readText(request));
    const sql = toChdbSql(statement);
    const run = isRead(sql)
      ? options.engine.read(sql, statement.parameters)
      : writeBound(options.engine, sql, statement.parameters);
    answer(response, await run);
  };
  const serverOnRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => answerError(response, error));
  };
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, serverOnRequest);
}

/** chdb binds values on the reader's connection only; a write that has some (DELETE of one device) goes there too. */
function writeBound(
  engine: ChdbEngine,
  sql: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  return Object.keys(parameters).length === 0 ? engine.write(sql) : engine.read(sql, parameters);
}

async function insertBody(
  request: IncomingMessage,
  url: URLSearchParams,
  path: string,
  engine: ChdbEngine,
): Promise<void> {
  try {
    await pipeline(request, createWriteStream(path));
    await engine.write(toFileInsertSql(parseHttpStatement(url, ""), path));
  } finally {
    await unlink(path).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > LIMITS.chdbStatementBytesMax)
      throw new RangeError(`a statement may have ${LIMITS.chdbStatementBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answer(response: ServerResponse, body: string | Uint8Array): void {
  response.writeHead(200, { "content-type": "text/plain; charset=UTF-8" }).end(body);
}

function answerError(response: ServerResponse, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError) return refuse(response, 400, BAD_ARGUMENTS, `${text}. (BAD_ARGUMENTS)`);
  const code = Number(/Code: (\d+)/.exec(text)?.[1] ?? NO_CODE);
  refuse(response, 500, code, text.replace(/^.*?DB::Exception: /s, ""));
}

function refuse(response: ServerResponse, status: number, code: number, text: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, {
    "content-type": "text/plain; charset=UTF-8",
    "x-clickhouse-exception-code": String(code),
  });
  response.end(`Code: ${code}. DB::Exception: ${text}`);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
