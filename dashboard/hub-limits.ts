import type { Limits } from "../core/limits.ts";

/** The ceilings of the hub. */
export type HubLimits = Pick<
  Limits,
  | "dashboardClientsMax"
  | "dashboardBufferBytesMax"
  | "slowClientMs"
  | "clientMessageBytesMax"
  | "clientMessagesPerSecondMax"
  | "clientErrorsMax"
  | "watchedDevicesMax"
  | "pendingEventsMax"
  | "eventsPerFrameMax"
  | "throughputPointsMax"
  | "lastValueDevicesMax"
  | "lastValueMetricsPerDeviceMax"
  | "recentReadingsPerDeviceMax"
  | "recentReadingsMax"
  | "scanRecordsMax"
  | "hubFetchBytesMax"
>;
