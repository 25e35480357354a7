import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { clientErrorAnswer } from "../core/client-error.ts";
import { errorText, isMillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "../core/request-id.ts";
import { createConnectionCap } from "./connection-cap.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { answerAdmitted, answerFailed, answerRefused } from "./ingest-answer.ts";
import type { IngestOutcome, IngestRequests } from "./ingest-requests.ts";
import type { TlsContext } from "./tls-context.ts";
import { ingestRouteOf, isMqttUpgrade } from "./ingest-routes.ts";

export interface HttpIngestOptions {
  readonly requests: IngestRequests;
  /** Of admission ids, which no other gateway has, nor this one with another start: request ids begin with it. */
  readonly admissionPrefix: string;
  readonly limits: EdgeLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Null: without TLS. */
  readonly tls: TlsContext | null;
  /** False: the address connects too often. */
  readonly mayConnect: (remoteAddress: string | undefined) => boolean;
  /** A request that becomes MQTT over WebSocket. Its socket is not among this server's connections any more. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Telemetry over HTTP: whoever listens and stops owns the server. */
export interface HttpIngest {
  readonly server: Server | TlsServer;
  /** From now on answers end their connections, and what comes new is refused. */
  drain(): void;
}

/** What a failure of an answer is called, besides the outcomes of requests. */
export type CountedOutcome =
  | IngestOutcome
  | "append-failed"
  | "internal"
  | "connections"
  | "connects-per-address"
  | "not-http";

export function createHttpIngest(options: HttpIngestOptions): HttpIngest {
  const { limits, logger, admissionPrefix } = options;
  const count = createOutcomeCounters(options.metrics);
  const gauge = options.metrics.gauge(
    "millrace_http_connections",
    "Open connections to the ingest port, without WebSockets.",
  );
  const cap = createConnectionCap({
    max: limits.ingestConnectionsMax,
    perAddressMax: limits.ingestConnectionsPerAddressMax,
  });
  const answering = new WeakMap<Socket, number>();
  let stopping = false;
  let requests = 0;

  async function outcomeOf(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    mustContinue: boolean,
  ) {
    const route = ingestRouteOf(request);
    if (typeof route === "string") return refuse(response, route);
    if (stopping) {
      response.shouldKeepAlive = false;
      return refuse(response, "stopping");
    }
    if ((answering.get(request.socket) ?? 0) > limits.ingestRequestsPerConnectionMax) {
      return refuse(response, "requests-per-connection");
    }
    const outcome = await options.requests.take(request, route, {
      requestId,
      continues() {
        if (mustContinue) response.writeContinue();
      },
      retryAfter: (seconds) => response.setHeader("retry-after", seconds),
    });
    if (stopping) response.shouldKeepAlive = false;
    if (outcome === "lost") return outcome;
    if (outcome !== "admitted" && outcome !== "repeated") return refuse(response, outcome);
    answerAdmitted(response, route.format === "tb-json" ? 200 : 204, outcome === "repeated");
    return outcome;
  }

  function fail(response: ServerResponse, error: unknown, requestId: string): CountedOutcome {
    answerFailed(response, error, requestId);
    if (isMillraceError(error)) return "append-failed";
    logger.error({ requestId, error: errorText(error) }, "a request to the ingest port failed");
    return "internal";
  }

  function serve(request: IncomingMessage, response: ServerResponse, mustContinue: boolean): void {
    const { socket } = request;
    answering.set(socket, (answering.get(socket) ?? 0) + 1);
    response.once("close", () => answering.set(socket, (answering.get(socket) ?? 1) - 1));
    const requestId = requestIdOf(request.headers[REQUEST_ID_HEADER], () => `${admissionPrefix}http-${++requests}`);
    response.setHeader(REQUEST_ID_HEADER, requestId);
    outcomeOf(request, response, requestId, mustContinue)
      .catch((error: unknown) => fail(response, error, requestId))
      .then(
        (outcome) => {
          count(outcome);
          endUnread(request, limits.closeLingerMs);
        },
        (error: unknown) => {
          logger.error({ requestId, error: errorText(error) }, "a request could not be answered");
          socket.destroy();
        },
      );
  }

  function serverOnConnection(socket: Socket): void {
    const { remoteAddress = "?", remotePort = 0 } = socket;
    if (!options.mayConnect(socket.remoteAddress)) {
      count("connects-per-address");
      socket.destroy();
      return;
    }
    if (!cap.enter(remoteAddress, remotePort)) {
      count("connections");
      socket.destroy();
      return;
    }
    gauge.set(cap.size);
    socket.once("close", () => leave(remoteAddress, remotePort));
  }

  function leave(remoteAddress: string, remotePort: number): void {
    cap.leave(remoteAddress, remotePort);
    gauge.set(cap.size);
  }

  const serverOptions = {
    maxHeaderSize: limits.ingestHeaderBytesMax,
    headersTimeout: limits.ingestHeadersTimeoutMs,
    requestTimeout: limits.ingestRequestTimeoutMs,
    keepAliveTimeout: limits.ingestIdleTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, limits.ingestHeadersTimeoutMs),
    noDelay: true,
    // Anything else that asks for another protocol, such as HTTP/2, is answered in HTTP/1.1.
    shouldUpgradeCallback: (request: IncomingMessage) => !stopping && isMqttUpgrade(request),
  };
  const server =
    options.tls === null
      ? createServer(serverOptions)
      : createTlsServer({
          ...serverOptions,
          ...options.tls.options,
          handshakeTimeout: limits.tlsHandshakeTimeoutMs,
        });
  server.on("connection", serverOnConnection);
  server.on("request", (request, response) => serve(request, response, false));
  server.on("checkContinue", (request, response) => serve(request, response, true));
  server.on("upgrade", (request, socket, head) => {
    leave(request.socket.remoteAddress ?? "?", request.socket.remotePort ?? 0);
    options.onUpgrade(request, socket, head);
  });
  server.on("clientError", (error: Error & { readonly code?: string }, socket) => {
    // Of what is no error of HTTP there is nobody to answer: the connection is lost, or its TLS handshake has failed.
    if (!/^(?:HPE|ERR_HTTP)_/.test(error.code ?? "") || !socket.writable) return void socket.destroy();
    count("not-http");
    socket.end(clientErrorAnswer(error.code), () => socket.destroy());
    const linger = setTimeout(() => socket.destroy(), limits.closeLingerMs);
    socket.once("close", () => clearTimeout(linger));
  });

  return {
    server,
    drain() {
      stopping = true;
    },
  };
}

function refuse(response: ServerResponse, reason: Parameters<typeof answerRefused>[1]) {
  answerRefused(response, reason);
  return reason;
}

/**
 * A request that was answered before all of it came: the rest is thrown away for a while, because closing with unread bytes would reset
 * the connection and take the answer with it.
 */
function endUnread(request: IncomingMessage, lingerMs: number): void {
  if (request.complete) return;
  request.resume();
  const linger = setTimeout(() => request.socket.destroy(), lingerMs);
  request.once("close", () => clearTimeout(linger));
}

function createOutcomeCounters(metrics: Metrics): (outcome: CountedOutcome) => void {
  const counters = new Map<CountedOutcome, { add(): void }>();
  return (outcome) => {
    let counter = counters.get(outcome);
    if (counter === undefined) {
      counter = metrics.counter("millrace_http_requests_total", "Requests to the ingest port, by outcome.", {
        outcome,
      });
      counters.set(outcome, counter);
    }
    counter.add();
  };
}
