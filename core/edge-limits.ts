const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The ceilings of the gateway: a part of `LIMITS`. */
export const EDGE_LIMITS = {
  // MQTT edge
  packetBytesMax: 256 * KIB,
  /** Of a CONNECT: nobody is known yet, so a thousand peers that dawdle may hold 16 MiB, not 256. A will's payload lies in it. */
  connectPacketBytesMax: 16 * KIB,
  payloadBytesMax: 128 * KIB,
  mqttTopicBytesMax: 256,
  mqttTopicLevelsMax: 15,
  mqttTokenBytesMax: 512,
  filtersPerSubscribeMax: 20,
  filtersPerConnectionMax: 50,
  unacknowledgedPerConnectionMax: 1000,
  unacknowledgedBytesPerConnectionMax: MIB,
  connectTimeoutMs: 10 * SECOND,
  tlsHandshakeTimeoutMs: 10 * SECOND,
  /** How soon a new certificate is noticed. */
  tlsReloadIntervalMs: 10 * SECOND,
  authenticateTimeoutMs: 10 * SECOND,
  keepAliveSecondsMax: 1200,
  connectionsMax: 20_000,
  unauthenticatedConnectionsMax: 1000,
  connectionsPerDeviceMax: 10,
  subscriberDrainTimeoutMs: 5 * SECOND,
  subscriberQueueBytesMax: MIB,
  /** Packets of one connection that wait inside the MQTT library. */
  engineQueuePacketsMax: 200,
  /** How long a connection whose message the log refused is kept, unread, before it is closed and may try again. */
  refusalHoldMs: SECOND,
  /** How long a closing connection may take to read what it still gets. */
  closeLingerMs: SECOND,
  /** A flood of garbage must not become a flood of log lines. */
  refusalLinesPerSecondMax: 20,
  /** Accepted tokens whose owner is remembered. */
  rememberedTokensMax: 50_000,
  /** A WebSocket frame of the client: one or several packets, or a part of one. */
  websocketFrameBytesMax: 512 * KIB,
  /** Pieces in which such a frame may come: each costs memory of its own. */
  websocketPiecesMax: 1024,

  // HTTP ingest
  ingestConnectionsMax: 10_000,
  /** Many devices may share an address, behind a router or a proxy. */
  ingestConnectionsPerAddressMax: 1000,
  ingestHeaderBytesMax: 8 * KIB,
  ingestHeadersTimeoutMs: 10 * SECOND,
  ingestRequestTimeoutMs: 30 * SECOND,
  /** How long a connection may be silent between two requests. */
  ingestIdleTimeoutMs: MINUTE,
  /** Requests of one connection that came without waiting for the answers before. */
  ingestRequestsPerConnectionMax: 100,
  /** Bodies that are being collected or wait for the log, of all connections. */
  ingestBytesMax: 64 * MIB,
  /** Requests, of all connections, that wait for the registry to say whose they are. */
  ingestAuthenticatingMax: 1000,
  idempotencyKeyCharactersMax: 256,
  /** Keys that a gateway answers by itself: of older ones it appends the message, and the stage drops it. */
  idempotencyKeysMax: 50_000,

  // field gateways: devices that publish for others
  /** Devices that one message may name, each of which makes a record. */
  fieldGatewayEntriesMax: 1000,
  /** Devices of which a connection remembers whether its gateway may publish for them. */
  fieldGatewayRememberedMax: 5000,
  fieldGatewayRememberMs: MINUTE,
  /** How long that one may not is believed: who assigns a device does not wait longer. */
  fieldGatewayRefusalMs: SECOND,

  // other gateways
  gatewaysMax: 64,
  /** Devices with subscribers at one other gateway: as many as it has connections. */
  gatewayDevicesMax: 20_000,
  /** Messages for subscribers at other gateways that wait for Redis: what comes on top is lost, and counted. */
  gatewayLinkBytesMax: 8 * MIB,
  gatewayConnectTimeoutMs: 5 * SECOND,
  /** A Redis that says nothing for so long is left and tried again. */
  gatewayAnswerTimeoutMs: 3 * SECOND,
  /** Another gateway that says nothing for so long gets no messages any more. */
  gatewaySilenceMs: 5 * SECOND,
  /** How long CONNACK and SUBACK wait for other gateways: to have ended and settled the client's connection there, to have heard. */
  gatewayWaitMs: SECOND,
} as const;
