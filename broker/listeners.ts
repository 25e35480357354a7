import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { ConnectionTable, EdgeEntry } from "./connection-table.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { EdgeReport } from "./edge-report.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { forgottenCounter } from "./forgotten.ts";
import { createHttpIngest } from "./http-ingest.ts";
import type { IngestRequests } from "./ingest-requests.ts";
import { closed, listen, type ListenAddress } from "./listen.ts";
import { createRateTable } from "./rate-table.ts";
import type { RefusalReason } from "./refusals.ts";
import { remoteNetwork } from "./remote-network.ts";
import type { TlsContext } from "./tls-context.ts";
import { createTlsListener } from "./tls-listener.ts";
import { createWebSocketUpgrade } from "./websocket-upgrade.ts";

/** Where the ways in are. */
export interface EdgeAddress {
  /** MQTT. */
  readonly port: number;
  /** MQTT over TLS; null without it. */
  readonly tlsPort: number | null;
  /** HTTP and WebSocket, with TLS where there is any; null when they are not served. */
  readonly ingestPort: number | null;
}

export interface ListenersOptions {
  readonly listen: ListenAddress;
  readonly ingest: ListenAddress | undefined;
  readonly tls: { readonly context: TlsContext; readonly listen: ListenAddress } | undefined;
  readonly limits: EdgeLimits;
  readonly table: ConnectionTable<EdgeEntry>;
  readonly report: EdgeReport;
  readonly requests: IngestRequests;
  readonly admissionPrefix: string;
  /** Makes a socket a connection of the edge. `peer` is the TCP socket, which knows the peer's certificate. */
  readonly connect: (socket: EdgeSocket, peer: Socket) => { end(reason: RefusalReason, cause?: unknown): void };
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** All ports of the edge. */
export interface Listeners {
  /** All or none. PORT_IN_USE, CONFIG_INVALID. */
  listen(): Promise<EdgeAddress>;
  /** Takes no more connections and requests; resolves when the last one has ended. */
  close(): Promise<void>;
  /** Ends requests that are under way. */
  force(): void;
}

export function createListeners(options: ListenersOptions): Listeners {
  const { limits, table, report, requests, connect, logger, metrics, tls } = options;
  const connects = createRateTable({
    perSecond: limits.connectsPerSecondPerAddressMax,
    burst: (limits.connectsPerSecondPerAddressMax * limits.connectBurstMs) / 1000,
    entriesMax: limits.rememberedRefusalsMax,
    forgotten: forgottenCounter(metrics, "address"),
    nowMs: options.nowMs,
  });
  const mayConnect = (remoteAddress: string | undefined) => connects.take(remoteNetwork(remoteAddress));
  // Half-open: a client may send its last messages and close its side before the log has taken them.
  const plain = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (mayConnect(socket.remoteAddress)) return void connect(socket, socket);
    report.refused("connects-per-address", { remote: `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}` });
    socket.destroy();
  });
  const secure =
    tls === undefined
      ? null
      : createTlsListener({
          tls: tls.context,
          limits,
          table,
          report,
          mayConnect,
          connect: (socket) => connect(socket, socket),
        });
  const ingest = createHttpIngest({
    requests,
    admissionPrefix: options.admissionPrefix,
    limits,
    mayConnect,
    logger,
    metrics,
    tls: tls?.context ?? null,
    onUpgrade: createWebSocketUpgrade(limits, (socket, request) => connect(socket, request.socket)),
  });
  for (const server of secure === null ? [plain] : [plain, secure]) {
    server.maxConnections = limits.connectionsMax;
    server.on("drop", (address) => {
      report.refused("connections-total", { remote: `${address?.remoteAddress ?? "?"}:${address?.remotePort ?? 0}` });
    });
  }
  const open: Server[] = [];

  async function listenOn(server: Server, address: ListenAddress, what: string): Promise<number> {
    const port = await listen(server, address, what);
    open.push(server);
    return port;
  }

  return {
    async listen() {
      try {
        const port = await listenOn(plain, options.listen, "MQTT");
        const tlsPort =
          secure === null || tls === undefined ? null : await listenOn(secure, tls.listen, "MQTT over TLS");
        const ingestPort =
          options.ingest === undefined ? null : await listenOn(ingest.server, options.ingest, "HTTP ingest");
        if (secure !== null)
          tls?.context.watch("setSecureContext" in ingest.server ? [secure, ingest.server] : [secure]);
        return { port, tlsPort, ingestPort };
      } catch (error) {
        for (const server of open) server.close();
        throw error;
      }
    },
    async close() {
      tls?.context.stop();
      ingest.drain();
      await Promise.all(open.map(closed));
    },
    force: () => ingest.server.closeAllConnections(),
  };
}
