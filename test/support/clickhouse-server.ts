import { once } from "node:events";
import { createServer, request as openRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough, type Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import type { ClickHouseConnection } from "../../sinks/clickhouse/clickhouse-connection.ts";

/** What can be wrong with the server; switched while it runs. */
export interface ServerFaults {
  /** Takes requests and answers none. */
  hanging: boolean;
  /** So many inserts of readings, from now on, are carried out and their connections reset in place of the answer. */
  resetsAfterCommit: number;
  password: string;
  /** Statements that the user has no right to. */
  denied: RegExp | null;
}

export interface ClickHouseServer {
  readonly faults: ServerFaults;
  /** With the right password; always the same address. */
  connection(): ClickHouseConnection;
  /** `http://user:password@127.0.0.1:port/default` */
  url(): string;
  /** Ends all connections and listens no more, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** What came: `encoding of the body, SQL`, the newest last. */
  readonly seen: readonly string[];
}

const USER = "writer";
const PASSWORD = "s3cret & long";
const INSERT = /^\s*INSERT INTO readings \([^)]*\) FORMAT Native/;

/**
 * A ClickHouse server as the network shows it: one address, a password, compressed bodies, error codes. Behind it is a real ClickHouse,
 * chdb in the process that `locate` leads to, which may be killed and come back elsewhere.
 */
export async function startClickHouseServer(locate: () => ClickHouseConnection | null): Promise<ClickHouseServer> {
  const faults: ServerFaults = { hanging: false, resetsAfterCommit: 0, password: PASSWORD, denied: null };
  const seen: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const encoding = String(request.headers["content-encoding"] ?? "plain");
    const body = request.pipe(decoder(encoding));
    const inUrl = url.searchParams.get("query");
    const text = inUrl === null ? await readAll(body) : null;
    const sql = inUrl ?? String(text);
    seen.push(`${encoding} ${sql}`);
    if (faults.hanging) return void body.resume();
    const expected = `Basic ${Buffer.from(`${USER}:${faults.password}`).toString("base64")}`;
    if (request.headers.authorization !== expected)
      return refuse(response, 516, `${USER}: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)`);
    if ((url.searchParams.get("database") ?? "default") !== "default")
      return refuse(response, 81, `Database ${url.searchParams.get("database")} does not exist. (UNKNOWN_DATABASE)`);
    if (faults.denied?.test(sql) === true && !sql.startsWith("CHECK GRANT"))
      return refuse(response, 497, `${USER}: Not enough privileges. (ACCESS_DENIED)`);
    const isDenied = faults.denied !== null && sql.startsWith("CHECK GRANT") && faults.denied.test(sql);
    const engine = locate();
    if (engine === null) return void request.socket.destroy();
    const answer = await forward(engine, url, text ?? body);
    if (faults.resetsAfterCommit > 0 && INSERT.test(sql)) {
      faults.resetsAfterCommit -= 1;
      request.socket.resetAndDestroy();
      return;
    }
    const isZstd = request.headers["accept-encoding"] === "zstd";
    const headers = { ...answer.headers, ...(isZstd ? { "content-encoding": "zstd" } : {}) };
    delete headers["content-length"];
    response.writeHead(answer.statusCode ?? 500, headers);
    const content = isDenied ? PassThrough.from(["0\n"]) : answer;
    await pipeline(content, isZstd ? createZstdCompress() : new PassThrough(), response);
  };
  const server = createServer({ keepAliveTimeout: 3000 }, (request, response) => {
    // What the client or the engine breaks off ends the connection, as with a server that was killed.
    serve(request, response).catch(() => request.socket.destroy());
  });
  const listen = async (at: number): Promise<number> => {
    await once(server.listen(at, "127.0.0.1"), "listening");
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  return {
    faults,
    seen,
    connection: () => ({
      url: `http://127.0.0.1:${port}`,
      username: USER,
      password: PASSWORD,
      database: "default",
      place: "server",
    }),
    url: () => `http://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/default`,
    async down() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    async up() {
      await listen(port);
    },
  };
}

function decoder(encoding: string): Transform {
  if (encoding === "zstd") return createZstdDecompress();
  return encoding === "gzip" ? createGunzip() : new PassThrough();
}

async function readAll(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString("utf8");
}

/** The same request to the engine, with its own user; resolves with its answer. */
async function forward(engine: ClickHouseConnection, url: URL, body: Readable | string): Promise<IncomingMessage> {
  const auth = `${engine.username}:${engine.password}`;
  const request = openRequest(`${engine.url}${url.pathname}${url.search}`, { method: "POST", auth, agent: false });
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  await Promise.all([answered, pipeline(typeof body === "string" ? [body] : body, request)]);
  return (await answered)[0];
}

function refuse(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code === 516 ? 403 : 404, { "x-clickhouse-exception-code": String(code) });
  response.end(`Code: ${code}. DB::Exception: ${text}`);
}
