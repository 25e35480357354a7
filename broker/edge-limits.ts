import type { Limits } from "../core/limits.ts";

/** The ceilings that the edge holds its peers to. */
export type EdgeLimits = Pick<
  Limits,
  | "packetBytesMax"
  | "connectPacketBytesMax"
  | "payloadBytesMax"
  | "mqttTopicBytesMax"
  | "mqttTopicLevelsMax"
  | "mqttTokenBytesMax"
  | "filtersPerSubscribeMax"
  | "filtersPerConnectionMax"
  | "unacknowledgedPerConnectionMax"
  | "unacknowledgedBytesPerConnectionMax"
  | "connectTimeoutMs"
  | "authenticateTimeoutMs"
  | "keepAliveSecondsMax"
  | "connectionsMax"
  | "unauthenticatedConnectionsMax"
  | "connectionsPerDeviceMax"
  | "subscriberDrainTimeoutMs"
  | "subscriberQueueBytesMax"
  | "engineQueuePacketsMax"
  | "refusalHoldMs"
  | "closeLingerMs"
>;
