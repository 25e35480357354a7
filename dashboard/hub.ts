import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Clock } from "../core/clock.ts";
import { type ErrorCode, errorText, isMillraceError } from "../core/errors.ts";
import type { EventLog } from "../core/event-log.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Overview } from "../core/overview.ts";
import type { DevicePace } from "../core/slow-devices.ts";
import type { Principal } from "../core/registry.ts";
import { createHubCounters } from "./hub-counters.ts";
import type { HubLimits } from "./hub-limits.ts";
import { HUB_PACES, type HubPaces } from "./hub-paces.ts";
import { LiveConnection } from "./live-connection.ts";
import { LiveFeed, STALE_AFTER_MS } from "./live-feed.ts";
import { CLOSE_CODE, type HelloMessage, LIVE_PATH, LIVE_PROTOCOL_VERSION } from "./live-protocol.ts";
import { createLogIntake } from "./log-intake.ts";
import { createOverviewTicker } from "./overview-ticker.ts";
import { identifyAdmin, type Authenticate, isOriginAllowed, refuseUpgrade } from "./upgrade-gate.ts";

export interface HubOptions {
  readonly log: Pick<EventLog, "openReader" | "status">;
  /** Called about once a second. */
  overview(): Promise<Overview>;
  readonly authenticate: Authenticate;
  /** Origins besides the request's own host: `https://example.org`. */
  readonly allowedOrigins?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Other ceilings and paces, for tests. */
  readonly limits?: Partial<HubLimits>;
  readonly paces?: Partial<HubPaces>;
}

export interface Hub extends Service, Readiness {
  /** How the devices of a tenant report, `lastValueDevicesMax` of them at most; nothing in a process whose hub does not run. */
  paces(tenant: string): Iterable<DevicePace>;
  /** For the HTTP server's `upgrade` event. Answers every request, also those for other paths. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** The live hub: follows `readings`, `alarms` and removals of devices from the log's end and tells each browser what it wants to know. */
export function createHub(options: HubOptions): Hub {
  const limits: HubLimits = { ...LIMITS, ...options.limits };
  const paces: HubPaces = { ...HUB_PACES, ...options.paces };
  const counters = createHubCounters(options.metrics);
  const feed = new LiveFeed(limits, options.clock);
  const connections = new Map<LiveConnection, IncomingHttpHeaders>();
  const intake = createLogIntake({ ...options, feed, limits, counters });
  const ticker = createOverviewTicker({ ...options, ...limits, ...paces, feed });
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.clientMessageBytesMax,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const timers: NodeJS.Timeout[] = [];
  let pendingUpgrades = 0;
  let stopping = false;

  function refuse(socket: Duplex, status: number, code: ErrorCode, detail: string): void {
    counters.refused.add();
    refuseUpgrade(socket, status, code, detail);
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const path = (request.url ?? "").split("?")[0];
    if (path !== LIVE_PATH) return refuse(socket, 404, "NOT_FOUND", `There is no WebSocket at ${path}.`);
    if (!isOriginAllowed(request.headers, options.allowedOrigins ?? [])) {
      return refuse(socket, 403, "NOT_AUTHORIZED", "This page's origin may not open the live connection.");
    }
    if (stopping || connections.size + pendingUpgrades >= limits.dashboardClientsMax) {
      return refuse(socket, 503, "LIMIT_EXCEEDED", "The dashboard has no room for another browser now.");
    }
    pendingUpgrades += 1;
    try {
      const principal = await identifyAdmin(request.headers, options.authenticate);
      server.handleUpgrade(request, socket, head, (webSocket) => serverOnConnection(webSocket, request, principal));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      refuse(socket, statusOf(error.code), error.code, error.message);
    } finally {
      pendingUpgrades -= 1;
    }
  }

  function serverOnConnection(socket: WebSocket, request: IncomingMessage, principal: Principal): void {
    const connection = new LiveConnection({
      socket,
      principal,
      feed,
      limits,
      paces,
      counters,
      clock: options.clock,
      greetOverview: ticker.greet,
    });
    connections.set(connection, request.headers);
    counters.clients.set(connections.size);
    socket.on("error", (error) => options.logger.debug({ err: errorText(error) }, "A live connection failed."));
    socket.on("close", () => {
      connections.delete(connection);
      counters.clients.set(connections.size);
    });
    const hello: HelloMessage = {
      type: "hello",
      v: LIVE_PROTOCOL_VERSION,
      at: options.clock.now(),
      tenant: principal.tenant,
      staleAfterMs: STALE_AFTER_MS,
    };
    socket.send(JSON.stringify(hello));
  }

  async function reauthenticate(): Promise<void> {
    for (const [connection, headers] of connections) {
      try {
        await identifyAdmin(headers, options.authenticate);
      } catch (error) {
        // A registry that cannot answer signs nobody out.
        if (isMillraceError(error) && error.retry === "never")
          connection.socket.close(CLOSE_CODE.signedOut, "signed out");
        else options.logger.warn({ err: errorText(error) }, "Cannot check a session now.");
      }
    }
  }

  return {
    async start() {
      await intake.start();
      ticker.start();
      timers.push(
        setInterval(() => [...connections.keys()].forEach((connection) => connection.ping()), paces.pingMs),
        setInterval(() => void reauthenticate(), paces.reauthenticateMs),
      );
      for (const timer of timers) timer.unref();
    },
    async stop(signal) {
      stopping = true;
      for (const timer of timers) clearInterval(timer);
      ticker.stop();
      await intake.stop();
      await closeAll([...connections.keys()], signal);
    },
    handleUpgrade(request, socket, head) {
      socket.on("error", (error) => options.logger.debug({ err: errorText(error) }, "An upgrade failed."));
      upgrade(request, socket, head).catch((error: unknown) => {
        options.logger.error({ err: errorText(error) }, "An upgrade failed.");
        socket.destroy();
      });
    },
    paces: (tenant) => feed.paces(tenant),
    notReadyReasons: intake.notReadyReasons,
  };
}

/** Asks every browser to come back later; those that do not answer in time are cut off. */
async function closeAll(connections: readonly LiveConnection[], signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(1000)]);
  const terminateAll = () => connections.forEach(({ socket }) => socket.terminate());
  deadline.addEventListener("abort", terminateAll, { once: true });
  if (deadline.aborted) terminateAll();
  await Promise.all(
    connections.map(({ socket }) => {
      const closed = new Promise<void>((resolve) => {
        if (socket.readyState === socket.CLOSED) resolve();
        else socket.once("close", () => resolve());
      });
      socket.close(1001, "going away");
      return closed;
    }),
  );
  deadline.removeEventListener("abort", terminateAll);
}

function statusOf(code: ErrorCode): number {
  if (code === "NOT_AUTHENTICATED") return 401;
  return code === "NOT_AUTHORIZED" ? 403 : 503;
}
