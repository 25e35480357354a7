import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createHub } from "../../dashboard/hub.ts";
import { createMemoryEventLog } from "./memory-event-log.ts";
import { createMockFleet, type MockFleet, type MockScenario } from "./mock-fleet.ts";

const MIME: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const COOKIE = "mock_session=1";
/** As the real pages are served: what this forbids must not be needed. */
const POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'";

/**
 * The dashboard's pages on the real hub and an invented fleet, without log, broker and tables: for looking at the pages, and for
 * screenshots that are the same every time. `node test/support/mock-platform.ts [port] [scenario]`.
 */
export async function startMockPlatform(options: {
  port: number;
  scenario: MockScenario;
  pages: string;
  now?: () => number;
}) {
  const clock = options.now === undefined ? systemClock : { now: options.now };
  const log = createMemoryEventLog({ partitionCount: 4 });
  const fleet = createMockFleet(options.scenario, clock, (topic, value) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    void log.append(topic, 0, [{ timestamp: clock.now(), key: null, value: bytes, headers: [] }]);
  });
  const hub = createHub({
    log,
    overview: async () => fleet.overview(),
    authenticate: async ({ cookie }) =>
      cookie?.includes(COOKIE) ? { kind: "admin", tenant: "default", id: "mock" } : null,
    clock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  await hub.start();
  const server = createServer((request, response) => {
    answer(request, response, fleet, options.pages).catch((error: unknown) => response.destroy(error as Error));
  });
  server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(options.port, "127.0.0.1", resolve));
  const timer = setInterval(fleet.tick, 1000);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    fleet,
    async stop() {
      clearInterval(timer);
      await hub.stop(AbortSignal.timeout(1000));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  fleet: MockFleet,
  pages: string,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (!url.pathname.startsWith("/api/v1/")) return sendPage(response, url.pathname, pages);
  const path = url.pathname.slice("/api/v1".length);
  const isSignedIn = request.headers.cookie?.includes(COOKIE) ?? false;
  if (path === "/session" && request.method === "POST") {
    response.setHeader("set-cookie", `${COOKIE}; Path=/; HttpOnly; SameSite=Strict`);
    return sendJson(response, 200, { tenant: "default", name: "mock" });
  }
  if (!isSignedIn) return sendJson(response, 401, { code: "NOT_AUTHENTICATED", detail: "This needs a session." });
  if (path === "/session" && request.method === "DELETE") {
    response.setHeader("set-cookie", "mock_session=; Path=/; Max-Age=0");
    response.writeHead(204).end();
    return undefined;
  }
  const [status, body] = fleet.answer(path, url.searchParams);
  return sendJson(response, status, body);
}

async function sendPage(response: ServerResponse, path: string, pages: string): Promise<void> {
  const isFile = path.startsWith("/assets/");
  const file = join(pages, isFile ? normalize(path) : "index.html");
  try {
    const bytes = await readFile(file);
    response
      .writeHead(200, { "content-type": MIME[extname(file)] ?? "text/plain", "content-security-policy": POLICY })
      .end(bytes);
  } catch {
    // Not built, or no such asset.
    response.writeHead(404).end("not found");
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

if (import.meta.main) {
  const scenario = process.argv[3] ?? "busy";
  const pages = join(import.meta.dirname, "../../dist/web");
  const { url } = await startMockPlatform({
    port: Number(process.argv[2] ?? 0),
    scenario: scenario as MockScenario,
    pages,
  });
  console.log(`${url}/?code=mock`);
}
