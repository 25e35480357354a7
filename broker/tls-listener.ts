import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { ConnectionTable, EdgeEntry } from "./connection-table.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { EdgeReport } from "./edge-report.ts";
import type { RefusalReason } from "./refusals.ts";
import { remoteNetwork } from "./remote-network.ts";
import type { TlsContext } from "./tls-context.ts";

/** Node ends the connection and tells nobody why. */
const LIKELY_CAUSES =
  "the client broke off, or its certificate was refused: expired, not valid yet, or of none of the authorities that clients' certificates are of (--tls-client-ca)";

interface TlsListenerOptions {
  readonly tls: TlsContext;
  readonly limits: Pick<EdgeLimits, "tlsHandshakeTimeoutMs">;
  readonly table: ConnectionTable<EdgeEntry>;
  readonly report: EdgeReport;
  /** False: the address connects too often. */
  readonly mayConnect: (remoteAddress: string | undefined) => boolean;
  readonly connect: (socket: TLSSocket) => void;
}

/** MQTT over TLS. A connection whose handshake is under way counts as one that has not said who it is, and makes room as they do. */
export function createTlsListener({ tls, limits, table, report, mayConnect, connect }: TlsListenerOptions): Server {
  const greeting = new Map<string, EdgeEntry>();

  function leave(name: string): void {
    const entry = greeting.get(name);
    if (entry === undefined) return;
    greeting.delete(name);
    table.leave(entry);
  }

  /** The handshake ends before it is done. */
  function fail(name: string, cause?: unknown): void {
    if (!greeting.has(name)) return;
    leave(name);
    report.refused("tls-handshake", { remote: name }, cause);
  }

  function serverOnConnection(socket: Socket): void {
    const name = nameOf(socket);
    const entry: EdgeEntry = {
      greeting: true,
      network: remoteNetwork(socket.remoteAddress),
      end(reason: RefusalReason) {
        leave(name);
        if (reason !== "stopping") report.refused(reason, { remote: name });
        socket.destroy();
      },
      drain: () => entry.end("stopping"),
      settled: () => Promise.resolve(),
    };
    greeting.set(name, entry);
    socket.once("close", () => fail(name, tls.options.rejectUnauthorized === true ? LIKELY_CAUSES : undefined));
    const refusal = mayConnect(socket.remoteAddress) ? table.open(entry) : "connects-per-address";
    if (refusal !== null) entry.end(refusal);
  }

  const server = createServer({
    ...tls.options,
    // Half-open: as without TLS, a client may close its side before the log has taken its last messages.
    allowHalfOpen: true,
    noDelay: true,
    handshakeTimeout: limits.tlsHandshakeTimeoutMs,
  });
  server.on("connection", serverOnConnection);
  server.on("secureConnection", (socket) => {
    leave(nameOf(socket));
    connect(socket);
  });
  server.on("tlsClientError", (error, socket) => {
    // OpenSSL's reason without its place in OpenSSL.
    fail(nameOf(socket), "reason" in error ? error.reason : error);
    socket.destroy();
  });
  return server;
}

function nameOf({ remoteAddress = "?", remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
