import type { Socket } from "node:net";
import type { Authenticator, FindDevice, FindPublishable } from "../core/authenticator.ts";
import type { Clock } from "../core/clock.ts";
import { MillraceError } from "../core/errors.ts";
import type { LogIntake } from "../core/event-log.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Tracer } from "../core/tracing.ts";
import type { MqttWill } from "../wire/mqtt-connect.ts";
import { SharedTopic } from "../wire/shared-topic.ts";
import { createAdmission } from "./admission.ts";
import { createConnectionTable, type EdgeEntry } from "./connection-table.ts";
import { createDeviceAsks } from "./device-asks.ts";
import { createDeviceGate } from "./device-gate.ts";
import { EdgeConnection } from "./edge-connection.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { createEdgeReport } from "./edge-report.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { type GatewayLink, type LinkedEdge, NO_OTHER_GATEWAYS, type RoutedMessage } from "./gateway-link.ts";
import { certifiedDeviceOf, uselessCertificateOf, type Peer } from "./identify-principal.ts";
import { createIngestRequests } from "./ingest-requests.ts";
import type { ListenAddress } from "./listen.ts";
import { createListeners, type EdgeAddress } from "./listeners.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { SessionStore } from "./session/session-store.ts";
import { Sessions } from "./session/sessions.ts";
import { createPublishRates } from "./publish-rates.ts";
import { PublishTracing } from "./publish-tracing.ts";
import { remoteNetwork } from "./remote-network.ts";
import type { TlsContext } from "./tls-context.ts";
import { telemetryTopicOf } from "./topic-acl.ts";
import { createTokenWatch } from "./token-watch.ts";
import { Wills } from "./wills.ts";

const LAST_SEEN_INTERVAL_MS = 2000;
/** Devices of which that is told each time; of a fleet in which more report it takes several, for each costs as much as half a message. */
const LAST_SEEN_TOLD = 1000;

export interface BrokerOptions {
  readonly listen: ListenAddress;
  /** Where telemetry over HTTP and MQTT over WebSocket are served. Absent: nowhere. */
  readonly ingest?: ListenAddress;
  /** MQTT over TLS beside MQTT, and TLS where HTTP is served. Absent: none. */
  readonly tls?: TlsListening;
  /** P of the log. */
  readonly partitionCount: number;
  /** Of the topic `telemetry`. */
  readonly intake: LogIntake;
  readonly authenticator: Authenticator;
  /** For whom a gateway may publish. Absent: no device publishes for others. */
  readonly findPublishable?: FindPublishable;
  /** Stamps receive times. */
  readonly clock: Clock;
  readonly gatewayId: string;
  /** Grows with every start of this gateway. Admission ids are `gatewayId.epoch.sequence`; see `newAdmissionId` for others. */
  readonly epoch: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told every few seconds, and once more at the end: the newest receive time (UTC ms) per `tenant/device`. */
  readonly onSeen: (lastSeen: ReadonlyMap<string, number>) => void;
  /** The other gateways of the installation. Absent: there are none. The broker starts and stops it. */
  readonly link?: GatewayLink;
  /** Where sessions and retained messages are kept. Absent: nowhere. The broker starts and stops it. */
  readonly sessions?: SessionStore;
  /** Where spans go, and the share of messages that have some. Absent: no message is traced. */
  readonly tracing?: { readonly tracer: Tracer; readonly ratio: number };
  /** Overrides of ceilings, for tests. */
  readonly limits?: Partial<EdgeLimits>;
}

export interface TlsListening {
  readonly context: TlsContext;
  /** Where MQTT over TLS is served. */
  readonly listen: ListenAddress;
  /** Of devices whose certificate names none. */
  readonly tenant: string;
  /** Whether the device that a certificate names may connect. */
  readonly findDevice: FindDevice;
}

/** The edge: MQTT 3.1.1 over TCP and WebSocket, telemetry over HTTP. */
export interface Broker extends Service, Readiness {
  /** Where it listens, once started. */
  readonly address: EdgeAddress;
  /** Ends the connections of these devices (`tenant/device`) at once: their credentials may no longer be honoured. */
  disconnect(keys: readonly string[]): void;
  /** Those of these devices (`tenant/device`) that are connected. */
  connectedOf(keys: readonly string[]): readonly string[];
  /** Authenticated connections. */
  readonly connections: number;
}

/** What needs nothing but the options. */
function createParts({ logger, metrics, tls, ...options }: BrokerOptions) {
  const limits: EdgeLimits = { ...LIMITS, ...options.limits };
  const nowMs = (): number => performance.now();
  const watch = createTokenWatch({ limits, metrics, nowMs });
  const origins = {
    partitionCount: options.partitionCount,
    admissionPrefix: `${options.gatewayId}.${options.epoch}.`,
  };
  const tracing =
    options.tracing === undefined ? null : new PublishTracing({ ...options.tracing, ...origins, logger, metrics });
  const admission = createAdmission({ ...options, ...origins, metrics, tracing });
  const link = options.link ?? NO_OTHER_GATEWAYS;
  const sessions = new Sessions({
    store: options.sessions ?? null,
    limits,
    asks: createDeviceAsks(link),
    isAlone: link === NO_OTHER_GATEWAYS,
    now: admission.now,
    logger,
    metrics,
  });
  return {
    limits,
    logger,
    metrics,
    nowMs,
    origins,
    admission,
    tracing,
    link,
    sessions,
    gate: createDeviceGate({ ...options, logger, watch, findDevice: tls?.findDevice }),
    table: createConnectionTable<EdgeEntry>(limits, metrics, nowMs),
    report: createEdgeReport({ linesPerSecondMax: limits.refusalLinesPerSecondMax, logger, metrics, nowMs }),
    rates: createPublishRates({ limits, metrics, nowMs }),
  };
}

export function createBroker(options: BrokerOptions): Broker {
  const { logger, tls, listen, ingest } = options;
  const parts = createParts(options);
  const { limits, admission, origins, link, sessions, gate, table, report, rates } = parts;
  const sockets = new Set<EdgeSocket>();
  const wills = new Wills({ ...parts, admit: admitWill });
  let namelessClients = 0;
  let connections = 0;
  let address: EdgeAddress | null = null;
  let seenTimer: NodeJS.Timeout | undefined;

  const context: EdgeContext = {
    limits,
    nowMs: parts.nowMs,
    topics: new SharedTopic(),
    newConnectionId: () => `${origins.admissionPrefix}mqtt-${++connections}`,
    table,
    admission,
    sessions,
    link,
    report,
    rates,
    connect: {
      gate,
      limits,
      ...origins,
      newClientId: () => `auto-${options.epoch}-${++namelessClients}`,
    },
    route,
    wills,
  };

  /** A durable message of this device (`tenant/device`), to those who subscribe to it, here and at other gateways. */
  function route(key: string, message: RoutedMessage): Promise<void> | null {
    const topic = telemetryTopicOf(key);
    link.forward(key, topic, message);
    return sessions.router.route(key, topic, message);
  }

  /** Wills go the way of every message. */
  async function admitWill(origin: MessageOrigin, { qos, retain, payload }: MqttWill): Promise<void> {
    const end = payload.length;
    await admission.admit(origin, { qos, dup: false, retain, packetId: 0, source: payload, payloadStart: 0, end });
    void route(origin.key, { qos, payload, retain });
  }

  function tellSeen(most?: number): void {
    const lastSeen = admission.drainLastSeen(most);
    if (lastSeen.size > 0) options.onSeen(lastSeen);
  }

  const peerOf = (socket: Socket): Peer => ({
    network: remoteNetwork(socket.remoteAddress),
    certified: tls === undefined ? null : certifiedDeviceOf(socket, tls.tenant),
    uselessCertificate: () => uselessCertificateOf(socket),
  });

  function connect(socket: EdgeSocket, peer: Socket): EdgeConnection {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const connection = new EdgeConnection(socket, peerOf(peer), context);
    const refusal = sockets.size > limits.connectionsMax ? "connections-total" : table.open(connection);
    if (refusal !== null) connection.end(refusal);
    return connection;
  }

  /** What the other gateways may do here. */
  const linked: LinkedEdge = {
    deliver: sessions.router.deliver,
    async takeOver(client) {
      const connection = table.ofClient(client);
      connection?.end("taken-over");
      await connection?.settled();
      wills.forget(client);
    },
  };

  const onRequest = { peerOf: ({ socket }: { socket: Socket }) => peerOf(socket), onAdmitted: route };
  const requests = createIngestRequests({ ...parts, ...origins, ...onRequest });
  const listeners = createListeners({ ...parts, ...origins, listen, ingest, tls, requests, connect });

  return {
    async start() {
      try {
        // First, so that the first CONNECT finds its session and is heard of elsewhere.
        await sessions.start();
        await link.start(linked);
        address = await listeners.listen();
      } catch (error) {
        await link.stop(AbortSignal.abort());
        await sessions.stop(AbortSignal.abort());
        throw error;
      }
      seenTimer = setInterval(() => tellSeen(LAST_SEEN_TOLD), LAST_SEEN_INTERVAL_MS);
      logger.info({ host: options.listen.host, ...address }, "devices are served");
    },
    async stop(signal) {
      address = null;
      const allClosed = listeners.close();
      for (const connection of table.all()) connection.drain();
      const force = (): void => {
        for (const connection of table.all()) connection.end("stopping");
        for (const socket of sockets) socket.destroy();
        listeners.force();
      };
      signal.addEventListener("abort", force, { once: true });
      if (signal.aborted) force();
      await allClosed;
      signal.removeEventListener("abort", force);
      wills.stop();
      await link.stop(signal);
      await sessions.stop(signal);
      clearInterval(seenTimer);
      tellSeen();
    },
    // A log that takes nothing says so itself: a message that it refused says nothing of now.
    notReadyReasons: () => (address === null ? ["MQTT is not listening"] : []),
    get address() {
      if (address === null) throw new MillraceError("NOT_RUNNING", "the broker is not listening");
      return address;
    },
    disconnect(keys) {
      gate.credentialsRevoked();
      requests.forget(keys);
      sessions.purge(keys);
      for (const connection of table.ofKeys(keys)) connection.end("revoked");
      wills.purge(keys);
    },
    connectedOf: (keys) => keys.filter((key) => table.ofKeys([key]).length > 0),
    get connections() {
      return table.size;
    },
  };
}
