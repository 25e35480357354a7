import type { AlarmEvent } from "../core/derived-records.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Overview } from "../core/overview.ts";
import type { MetricValue } from "../core/schemas.ts";

/**
 * What hub and browser say to each other over one WebSocket, as JSON texts. Shared by both: keep it free of anything that either
 * side could not load. All times are UTC ms.
 */
export const LIVE_PATH = "/live";
export const LIVE_PROTOCOL_VERSION = 1;

/** Close codes of ours (RFC 6455 leaves 4000–4999 to applications). */
export const CLOSE_CODE = { signedOut: 4401, tooSlow: 4408, tooManyErrors: 4429 } as const;

/**
 * All that the client wants from now on. Each one replaces the one before, so that a reconnect needs one message. For what is newly
 * wanted the hub sends what it has at once: last values, recent readings, the overview.
 */
export interface WatchMessage {
  readonly type: "watch";
  /** Chosen by the client and echoed in `watching`. */
  readonly id: number;
  readonly overview: boolean;
  readonly alarms: boolean;
  /** Device ids whose last values are visible. */
  readonly devices: readonly string[];
  /** The one device whose every reading is wanted. */
  readonly device: string | null;
}

export type ClientMessage = WatchMessage;

/** Opens every connection. */
export interface HelloMessage {
  readonly type: "hello";
  readonly v: typeof LIVE_PROTOCOL_VERSION;
  readonly at: number;
  readonly tenant: string;
  /** A device silent for longer than this is shown as stale. */
  readonly staleAfterMs: number;
}

/** What `watch` asked for is on: whatever happens after this reaches the client. */
export interface WatchingMessage {
  readonly type: "watching";
  readonly id: number;
  readonly at: number;
}

export interface OverviewMessage {
  readonly type: "overview";
  readonly overview: Overview;
}

/** One sample a second: messages per second in, and records behind over all hops. */
export type ThroughputPoint = readonly [at: number, inPerSecond: number, lag: number];

/** The last minutes, so that the chart does not begin empty. New samples come with `overview`. */
export interface ThroughputMessage {
  readonly type: "throughput";
  readonly points: readonly ThroughputPoint[];
}

export interface NoisyDevice {
  readonly device: string;
  /** Alarms raised within the last hour, receive time; at most `recentAlarmsPerDeviceMax`. */
  readonly alarms: number;
  readonly readingsPerMinute: number;
}

export interface SilentDevice {
  readonly device: string;
  /** Receive time of its last reading. */
  readonly received: number;
}

export interface FleetMessage {
  readonly type: "fleet";
  readonly noisy: readonly NoisyDevice[];
  /** Most recently fallen silent first. */
  readonly silent: readonly SilentDevice[];
}

/** The newest value of a metric by event time. */
export type LiveValue = readonly [ts: number, value: MetricValue, received: number];

export type DeviceValues = readonly [device: string, lastReceived: number, values: Readonly<Record<string, LiveValue>>];

/** Last values of devices that changed. Complete per device; conflated: what lay between two messages is skipped. */
export interface ValuesMessage {
  readonly type: "values";
  readonly devices: readonly DeviceValues[];
}

export type LiveReading = readonly [ts: number, received: number, metrics: Readonly<Record<string, MetricValue>>];

/** Readings of the one watched device, in order of arrival. */
export interface ReadingsMessage {
  readonly type: "readings";
  readonly device: string;
  readonly readings: readonly LiveReading[];
  /** True when some were skipped because this client was slow: ask history for them. */
  readonly missed: boolean;
}

export interface AlarmsMessage {
  readonly type: "alarms";
  readonly events: readonly AlarmEvent[];
  /** True when some were skipped: ask for the list again. */
  readonly missed: boolean;
}

/** The last client message was refused. */
export interface ErrorMessage {
  readonly type: "error";
  readonly code: ErrorCode;
  readonly detail: string;
}

export type ServerMessage =
  | HelloMessage
  | WatchingMessage
  | OverviewMessage
  | ThroughputMessage
  | FleetMessage
  | ValuesMessage
  | ReadingsMessage
  | AlarmsMessage
  | ErrorMessage;
