import { LIMITS } from "../core/limits.ts";

const KIB = 1024;

/** The ceilings of the MQTT edge: those of core/limits.ts, and those that only this room needs. */
export const EDGE_LIMITS = {
  packetBytesMax: LIMITS.packetBytesMax,
  /** Of a CONNECT: nobody is known yet, so a thousand peers that dawdle may hold 16 MiB, not 256. A will's payload lies in it. */
  connectPacketBytesMax: 16 * KIB,
  payloadBytesMax: LIMITS.payloadBytesMax,
  mqttTopicBytesMax: LIMITS.mqttTopicBytesMax,
  mqttTopicLevelsMax: LIMITS.mqttTopicLevelsMax,
  filtersPerSubscribeMax: LIMITS.filtersPerSubscribeMax,
  filtersPerConnectionMax: LIMITS.filtersPerConnectionMax,
  unacknowledgedPerConnectionMax: LIMITS.unacknowledgedPerConnectionMax,
  connectTimeoutMs: LIMITS.connectTimeoutMs,
  authenticateTimeoutMs: LIMITS.authenticateTimeoutMs,
  keepAliveSecondsMax: LIMITS.keepAliveSecondsMax,
  connectionsMax: LIMITS.connectionsMax,
  unauthenticatedConnectionsMax: LIMITS.unauthenticatedConnectionsMax,
  connectionsPerDeviceMax: 10,
  subscriberDrainTimeoutMs: LIMITS.subscriberDrainTimeoutMs,
  subscriberQueueBytesMax: LIMITS.subscriberQueueBytesMax,
  lastSeenIntervalMs: 2000,
  tokenBytesMax: 512,
  /** How long a connection whose message the log refused is kept, unread, before it is closed and may try again. */
  refusalHoldMs: 1000,
  /** How long a closing connection may take to read what it still gets. */
  closeLingerMs: 1000,
} as const satisfies Record<string, number>;

export type EdgeLimits = { readonly [Name in keyof typeof EDGE_LIMITS]: number };
