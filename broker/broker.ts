import { createServer, type Server, type Socket } from "node:net";
import type { Authenticator } from "../core/authenticator.ts";
import type { Clock } from "../core/clock.ts";
import { errorText, MillraceError } from "../core/errors.ts";
import type { LogIntake } from "../core/event-log.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { MqttWill } from "../wire/mqtt-connect.ts";
import { createAdmission } from "./admission.ts";
import { createConnectionTable } from "./connection-table.ts";
import { createDeviceAsks } from "./device-asks.ts";
import { createDeviceGate } from "./device-gate.ts";
import { EdgeConnection } from "./edge-connection.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { createEdgeReport } from "./edge-report.ts";
import { type GatewayLink, type LinkedEdge, NO_OTHER_GATEWAYS } from "./gateway-link.ts";
import type { MessageOrigin } from "./message-origin.ts";
import { createMqttEngine } from "./mqtt-engine.ts";

const LAST_SEEN_INTERVAL_MS = 2000;

export interface BrokerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** P of the log. */
  readonly partitionCount: number;
  /** Of the topic `telemetry`. */
  readonly intake: LogIntake;
  readonly authenticator: Authenticator;
  /** Stamps receive times. */
  readonly clock: Clock;
  readonly gatewayId: string;
  /** Grows with every start of this gateway. Admission ids are `gatewayId.epoch.sequence`. */
  readonly epoch: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told every few seconds, and once more at the end: the newest receive time (UTC ms) per `tenant/device`. */
  readonly onSeen: (lastSeen: ReadonlyMap<string, number>) => void;
  /** The other gateways of the installation. Absent: there are none. The broker starts and stops it. */
  readonly link?: GatewayLink;
  /** Overrides of ceilings, for tests. */
  readonly limits?: Partial<EdgeLimits>;
}

/** The MQTT 3.1.1 edge. */
export interface Broker extends Service, Readiness {
  /** Where it listens, once started. */
  readonly address: { readonly port: number };
  /** Ends the connections of these devices (`tenant/device`) at once: their credentials may no longer be honoured. */
  disconnect(keys: readonly string[]): void;
  /** Those of these devices (`tenant/device`) that are connected. */
  connectedOf(keys: readonly string[]): readonly string[];
  /** Authenticated connections. */
  readonly connections: number;
}

export function createBroker(options: BrokerOptions): Broker {
  const { logger, metrics, link = NO_OTHER_GATEWAYS } = options;
  const limits: EdgeLimits = { ...LIMITS, ...options.limits };
  const admission = createAdmission(options);
  const asks = createDeviceAsks(link);
  const engine = createMqttEngine(limits, logger, (filter) => asks.heard(filter));
  const gate = createDeviceGate(options.authenticator, logger);
  const table = createConnectionTable<EdgeConnection>(limits, metrics);
  const report = createEdgeReport(logger, metrics, () => performance.now());
  const sockets = new Set<Socket>();
  let accepted = 0;
  let namelessClients = 0;
  let port: number | null = null;
  let seenTimer: NodeJS.Timeout | undefined;

  const context: EdgeContext = {
    limits,
    table,
    admission,
    engine,
    report,
    presence: { link, asks, filtersMax: limits.filtersPerConnectionMax },
    connect: {
      gate,
      tokenBytesMax: limits.mqttTokenBytesMax,
      partitionCount: options.partitionCount,
      admissionPrefix: `${options.gatewayId}.${options.epoch}.`,
      newClientId: () => `auto-${options.epoch}-${++namelessClients}`,
    },
    admitWill,
  };

  /** Wills go the way of every message; nobody waits for the outcome. */
  function admitWill(origin: MessageOrigin, will: MqttWill, routedTo: string): void {
    const { payload } = will;
    const qos = will.qos === 0 ? 0 : 1;
    admission
      .admit(origin, { qos, dup: false, packetId: 0, source: payload, payloadStart: 0, end: payload.length })
      .then(
        () => {
          const message = { qos, payload };
          engine.route(routedTo, message);
          link.forward(origin.key, routedTo, message);
        },
        (error: unknown) => logger.warn({ key: origin.key, error: errorText(error) }, "a will was not admitted"),
      );
  }

  function tellSeen(): void {
    const lastSeen = admission.drainLastSeen();
    if (lastSeen.size > 0) options.onSeen(lastSeen);
  }

  function serverOnConnection(socket: Socket): void {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const connection = new EdgeConnection(socket, ++accepted, context);
    const refusal = table.open(connection);
    if (refusal !== null) connection.end(refusal);
  }

  /** What the other gateways may do here. */
  const linked: LinkedEdge = {
    deliver: engine.route,
    async takeOver(client) {
      const connection = table.ofClient(client);
      connection?.end("taken-over");
      await connection?.settled();
    },
  };

  // Half-open: a client may send its last messages and close its side before the log has taken them.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, serverOnConnection);
  server.maxConnections = limits.connectionsMax;
  server.on("drop", (address) => {
    report.refused("connections-total", { remote: `${address?.remoteAddress ?? "?"}:${address?.remotePort ?? 0}` });
  });

  return {
    async start() {
      // First, so that the first CONNECT is heard of elsewhere.
      await link.start(linked);
      port = await listen(server, options.listen).catch(async (error: unknown) => {
        await link.stop(AbortSignal.abort());
        throw error;
      });
      // Second, because its timers would keep the process alive when the port is taken; no connection is read in between.
      await engine.start();
      seenTimer = setInterval(tellSeen, LAST_SEEN_INTERVAL_MS);
      logger.info({ host: options.listen.host, port }, "MQTT is served");
    },
    async stop(signal) {
      port = null;
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const connection of table.all()) connection.drain();
      const force = (): void => {
        for (const connection of table.all()) connection.end("stopping");
        for (const socket of sockets) socket.destroy();
      };
      signal.addEventListener("abort", force, { once: true });
      if (signal.aborted) force();
      await closed;
      signal.removeEventListener("abort", force);
      await link.stop(signal);
      await engine.stop();
      clearInterval(seenTimer);
      tellSeen();
    },
    // A log that takes nothing says so itself: a message that it refused says nothing of now.
    notReadyReasons: () => (port === null ? ["MQTT is not listening"] : []),
    get address() {
      if (port === null) throw new MillraceError("NOT_RUNNING", "the broker is not listening");
      return { port };
    },
    disconnect(keys) {
      gate.credentialsRevoked();
      for (const connection of table.ofKeys(keys)) connection.end("revoked");
    },
    connectedOf: (keys) => keys.filter((key) => table.ofKeys([key]).length > 0),
    get connections() {
      return table.size;
    },
  };
}

async function listen(server: Server, { host, port }: BrokerOptions["listen"]): Promise<number> {
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, host, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw new MillraceError(isTaken ? "PORT_IN_USE" : "CONFIG_INVALID", `MQTT cannot be served: ${errorText(error)}`, {
      cause: error,
      remedy: isTaken ? `stop what listens on port ${port}, or choose another` : "choose another address or port",
    });
  }
  server.off("error", listening.reject);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
