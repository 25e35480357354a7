import { LIMITS } from "../core/limits.ts";

/** Ceilings and paces of the hub. Tests pass smaller ones. */
export interface HubLimits {
  readonly clientsMax: number;
  /** Above this many unsent bytes nothing more is written to a browser: its updates conflate. */
  readonly bufferBytesMax: number;
  /** A browser that stays above `bufferBytesMax` for this long is dropped. */
  readonly slowClientMs: number;
  /** At most one flush per client in this time; the first update after a pause goes at once. */
  readonly flushMs: number;
  readonly clientMessageBytesMax: number;
  readonly clientMessagesPerSecondMax: number;
  readonly clientErrorsMax: number;
  readonly watchedDevicesMax: number;
  /** Readings or alarm events waiting for one client; more are skipped and reported as `missed`. */
  readonly pendingEventsMax: number;
  /** One frame carries at most this many readings or alarm events. */
  readonly eventsPerFrameMax: number;
  readonly pingMs: number;
  /** A session is asked for again this often, so that a sign-out ends the connection. */
  readonly reauthenticateMs: number;
  readonly overviewMs: number;
  readonly throughputPointsMax: number;
  readonly staleAfterMs: number;
  readonly devicesMax: number;
  readonly metricsPerDeviceMax: number;
  readonly recentReadingsPerDeviceMax: number;
  readonly recentReadingsMax: number;
  /** Newest records of each topic that are read at start to know last values. */
  readonly scanRecordsMax: number;
  readonly pollBytesMax: number;
}

export const HUB_LIMITS: HubLimits = {
  clientsMax: LIMITS.dashboardClientsMax,
  bufferBytesMax: LIMITS.dashboardBufferBytesMax,
  slowClientMs: 15_000,
  flushMs: 100,
  clientMessageBytesMax: 64 * 1024,
  clientMessagesPerSecondMax: 50,
  clientErrorsMax: 20,
  watchedDevicesMax: 300,
  pendingEventsMax: 5000,
  eventsPerFrameMax: 1000,
  pingMs: 30_000,
  reauthenticateMs: 60_000,
  overviewMs: 1000,
  throughputPointsMax: 900,
  staleAfterMs: 5 * 60_000,
  devicesMax: 100_000,
  metricsPerDeviceMax: 2 * LIMITS.metricsPerReadingMax,
  recentReadingsPerDeviceMax: 240,
  recentReadingsMax: 50_000,
  scanRecordsMax: 1_000_000,
  pollBytesMax: 1024 * 1024,
};
