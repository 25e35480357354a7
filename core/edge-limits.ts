const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** The ceilings of the gateway: a part of `LIMITS`. */
export const EDGE_LIMITS = {
  // MQTT edge
  packetBytesMax: 256 * KIB,
  /** Of a CONNECT: nobody is known yet, so 3,000 peers that dawdle may hold 48 MiB, not 768. A will's payload lies in it. */
  connectPacketBytesMax: 16 * KIB,
  payloadBytesMax: 128 * KIB,
  mqttTopicBytesMax: 256,
  mqttTopicLevelsMax: 15,
  mqttTokenBytesMax: 512,
  filtersPerSubscribeMax: 20,
  filtersPerConnectionMax: 50,
  /** SUBSCRIBE, UNSUBSCRIBE and PUBREL of a connection that are not answered: while there are so many its socket is not read. */
  answersWaitingMax: 10,
  unacknowledgedPerConnectionMax: 1000,
  unacknowledgedBytesPerConnectionMax: MIB,
  connectTimeoutMs: 10 * SECOND,
  tlsHandshakeTimeoutMs: 10 * SECOND,
  /** How soon a new certificate is noticed. */
  tlsReloadIntervalMs: 10 * SECOND,
  authenticateTimeoutMs: 10 * SECOND,
  keepAliveSecondsMax: 1200,
  connectionsMax: 20_000,
  unauthenticatedConnectionsMax: 3000,
  /** Many devices may share an address, and come back at once. */
  unauthenticatedConnectionsPerAddressMax: 1000,
  connectionsPerDeviceMax: 10,
  subscriberQueueBytesMax: MIB,
  /** How long a connection whose message the log refused is kept, unread, before it is closed and may try again. */
  refusalHoldMs: SECOND,
  /** Wills that such a log has refused, and that are tried again as often. */
  willsWaitingMax: 10_000,
  /** Of their payloads. */
  willsWaitingBytesMax: 4 * MIB,
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

  // rates of the edge
  /** Of PUBLISH. 0: none, because what the log takes already sets the pace, and who knows the devices knows how fast they should be. */
  messagesPerSecondPerConnectionMax: 0,
  payloadBytesPerSecondPerConnectionMax: 0,
  /** Of a device on all its connections to one gateway, and over HTTP. */
  messagesPerSecondPerDeviceMax: 0,
  payloadBytesPerSecondPerDeviceMax: 0,
  /** What may come at once: as much as the rate allows in this time. */
  publishBurstMs: 5 * SECOND,
  /** Devices that have gone, and whose rate is remembered. */
  pacedDevicesMax: 50_000,
  /** New connections of an address, or an IPv6 network of 64 bits. Many devices may share one, behind a router or a proxy. */
  connectsPerSecondPerAddressMax: 500,
  /** A device that connects again and again: most often two of one name, which take each other over. */
  connectsPerSecondPerDeviceMax: 20,
  connectBurstMs: 10 * SECOND,
  /** Tokens from one address that nobody honours, at once and then per second: more than that are not even looked up. */
  refusedTokensPerAddressMax: 500,
  refusedTokensPerSecondPerAddressMax: 10,
  /** How often a token is looked up before it has to wait: twice as long after each refusal, up to the longest. */
  refusalsPerTokenMax: 5,
  refusedTokenWaitMs: SECOND,
  refusedTokenWaitMsMax: 30 * SECOND,
  /** Refused tokens, and addresses, that are remembered. */
  rememberedRefusalsMax: 50_000,

  // sessions
  /** Messages that a client has been sent with QoS 1 or 2 and has not acknowledged: what comes on top waits. */
  deliveriesInFlightMax: 100,
  keptSessionsMax: 20_000,
  keptSessionsPerDeviceMax: 10,
  /** How long a session is kept whose client does not come back. */
  sessionExpiryMs: 7 * DAY,
  /** How long a message waits for it. */
  sessionMessageAgeMaxMs: DAY,
  sessionQueueMessagesMax: 1000,
  /** Of the payloads that one session has waiting. */
  sessionQueueBytesMax: MIB,
  /** Of those that all sessions have waiting. */
  sessionStoreBytesMax: 1024 * MIB,
  retainedMessagesMax: 100_000,

  // HTTP ingest
  ingestConnectionsMax: 10_000,
  /** Of an address, or an IPv6 network of 64 bits. Many devices may share one, behind a router or a proxy. */
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

export type EdgeLimitName = keyof typeof EDGE_LIMITS;

/** Of the ceilings that an installation has set: the values instead of those above. */
export type EdgeLimitSettings = Partial<Record<EdgeLimitName, number>>;

/** What a format, a timer or the memory of a gateway allows at most, and at least. */
const BOUNDS: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  /** A record holds the packet's payload, and the dead letter of it in base64. */
  ["packetBytesMax", [256, MIB]],
  ["connectPacketBytesMax", [256, MIB]],
  ["payloadBytesMax", [1, 384 * KIB - 1]],
  /** MQTT's lengths, keep-alives and packet ids have 16 bits. */
  ["mqttTopicBytesMax", [1, 65_535]],
  ["mqttTokenBytesMax", [1, 65_535]],
  ["keepAliveSecondsMax", [1, 65_535]],
  ["unacknowledgedPerConnectionMax", [1, 65_535]],
  ["ingestHeaderBytesMax", [1024, MIB]],
  /** With less, what a sender who waited may send would not last until it is woken again. */
  ["publishBurstMs", [100, DAY]],
  ["connectBurstMs", [100, DAY]],
  ["sessionExpiryMs", [1, 400 * DAY]],
  ["sessionMessageAgeMaxMs", [1, 400 * DAY]],
  ["sessionStoreBytesMax", [MIB, 1024 * 1024 * MIB]],
  /** Packet ids of deliveries have 16 bits, and follow from the place in the queue. */
  ["deliveriesInFlightMax", [1, 10_000]],
  ["sessionQueueMessagesMax", [1, 50_000]],
  /** Gateways say every second that they are there. */
  ["gatewaySilenceMs", [2 * SECOND, DAY]],
  /** 0: none. */
  ["messagesPerSecondPerConnectionMax", [0, 1e9]],
  ["payloadBytesPerSecondPerConnectionMax", [0, 1e12]],
  ["messagesPerSecondPerDeviceMax", [0, 1e9]],
  ["payloadBytesPerSecondPerDeviceMax", [0, 1e12]],
]);

/** What an installation may set a ceiling to. */
export function edgeLimitBounds(name: EdgeLimitName): readonly [min: number, max: number] {
  const given = BOUNDS.get(name);
  if (given !== undefined) return given;
  if (/Ms(Max)?$/.test(name)) return [1, DAY];
  return name.endsWith("BytesMax") ? [1, 1024 * MIB] : [1, 1e7];
}

export function isEdgeLimitName(name: string): name is EdgeLimitName {
  return Object.hasOwn(EDGE_LIMITS, name);
}
