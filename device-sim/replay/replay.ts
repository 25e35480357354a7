import { aborted } from "../../core/aborted.ts";
import { systemClock, type Clock } from "../../core/clock.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { type DeviceTokens, tokenFor } from "../credentials.ts";
import { createPacer } from "../pacing.ts";
import { createProgress } from "../progress.ts";
import { createRandom } from "../random.ts";
import { SIM_PACES } from "../sim-paces.ts";
import { createDeviceSession, type DeviceSession } from "./device-session.ts";
import { type BrokerAddress, parseBrokerUrl } from "./mqtt-link.ts";

/** One recorded message. `ts` is when it was sent, UTC ms: the replay keeps the distances, divided by its speed. */
export interface ReplayMessage {
  readonly deviceId: string;
  readonly ts: number;
  readonly payload: Buffer;
}

export interface ReplayOptions {
  /** In the order in which they are to be sent. */
  readonly messages: AsyncIterable<ReplayMessage>;
  /** 60 = a recorded minute per second. */
  readonly speed: "max" | number;
  /** mqtt://HOST:PORT or mqtts://… */
  readonly url: string;
  readonly tokens: DeviceTokens;
  /** Messages of one device that are unacknowledged at once, 1–100. Default 100. */
  readonly window?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly backoffMs?: { readonly min: number; readonly max: number };
  readonly clock?: Clock;
}

export interface ReplayProgress {
  /** Messages sent, each counted once. */
  readonly sent: number;
  readonly acknowledged: number;
  /** Times that a message went again after a reconnect. */
  readonly resent: number;
  readonly devices: number;
  readonly connected: number;
}

export interface ReplayResult extends ReplayProgress {
  /** True when the source ended and everything is acknowledged; false when the signal stopped it before. */
  readonly complete: boolean;
}

/**
 * Sends recorded messages over MQTT QoS 1, one connection per device, keeping each device's order over lost connections and a broker
 * that is away. Rejects with NOT_AUTHENTICATED (a device is not accepted, or has no token), MQTT_UNSUPPORTED, DELIVERY_FAILED (the
 * broker takes connections but acknowledges nothing), INVALID_INPUT, and what `messages` throws.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { clock = systemClock } = options;
  const ending = new AbortController();
  const failure = Promise.withResolvers<never>();
  const sessions = createSessions(checked(options), clock, failure.reject);
  const wanted = options.signal ?? ending.signal;
  const signal = AbortSignal.any([wanted, ending.signal]);
  // A source or a device that hangs does not keep the caller.
  const stopped = aborted(signal).then(() => false);
  try {
    const complete = await Promise.race([sendAll(options, sessions, clock, signal), failure.promise, stopped]);
    return { ...sessions.progress(), complete };
  } finally {
    // Wakes a `sendAll` that is still waiting, so that it leaves its source and lets it close.
    ending.abort();
    sessions.destroy();
    sessions.reportLast();
  }
}

async function sendAll(
  options: ReplayOptions,
  sessions: Sessions,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const dueAt = createPacer(clock, signal);
  const { speed } = options;
  const startedAt = clock.now();
  let firstTs: number | null = null;
  for await (const message of options.messages) {
    firstTs ??= message.ts;
    const due = speed === "max" ? startedAt : startedAt + (message.ts - firstTs) / speed;
    if (!(await dueAt(due))) return false;
    const session = sessions.get(message.deviceId) ?? (await sessions.open(message.deviceId));
    await session.send(message.payload);
    if (signal.aborted) return false;
  }
  await sessions.finish();
  return !signal.aborted;
}

interface Sessions {
  get(deviceId: string): DeviceSession | undefined;
  open(deviceId: string): Promise<DeviceSession>;
  finish(): Promise<void>;
  progress(): ReplayProgress;
  reportLast(): void;
  destroy(): void;
}

function createSessions(options: CheckedOptions, clock: Clock, onFailure: (error: MillraceError) => void): Sessions {
  const counts = { sent: 0, acknowledged: 0, resent: 0 };
  const sessions = new Map<string, DeviceSession>();
  const backoffMs = options.backoffMs ?? { min: SIM_PACES.retryDelayMs, max: LIMITS.replayRetryDelayMsMax };
  const report = createProgress(clock, options.onProgress && (() => options.onProgress?.(progress())));

  function progress(): ReplayProgress {
    let connected = 0;
    for (const session of sessions.values()) if (session.connected) connected++;
    return { ...counts, devices: sessions.size, connected };
  }

  return {
    progress,
    reportLast: () => report.done(),
    get: (deviceId) => sessions.get(deviceId),
    async open(deviceId) {
      if (sessions.size >= LIMITS.simulatorConnectionsMax) throw tooManyDevices();
      const token = await tokenFor(options.tokens, deviceId);
      const session = createDeviceSession({
        address: options.address,
        deviceId,
        token,
        windowSize: options.window,
        backoffMs,
        random: createRandom(`backoff/${deviceId}`),
        counts,
        onChange: () => report.changed(),
        onFailure,
      });
      sessions.set(deviceId, session);
      return session;
    },
    async finish() {
      await Promise.all([...sessions.values()].map((session) => session.finish()));
    },
    destroy() {
      for (const session of sessions.values()) session.destroy();
    },
  };
}

type CheckedOptions = ReplayOptions & { readonly address: BrokerAddress; readonly window: number };

function checked(options: ReplayOptions): CheckedOptions {
  const { speed, window = LIMITS.simulatedUnacknowledgedMax } = options;
  if (speed !== "max" && !(speed > 0)) {
    throw new MillraceError("INVALID_INPUT", `a speed of ${speed} goes nowhere`, {
      remedy: "Write max or a number above 0.",
    });
  }
  if (!Number.isInteger(window) || window < 1 || window > LIMITS.simulatedUnacknowledgedMax) {
    throw new MillraceError(
      "INVALID_INPUT",
      `a window of ${window} messages is not 1–${LIMITS.simulatedUnacknowledgedMax}`,
    );
  }
  return { ...options, window, address: parseBrokerUrl(options.url) };
}

function tooManyDevices(): MillraceError {
  return new MillraceError(
    "INVALID_INPUT",
    `the recording has more than ${LIMITS.simulatorConnectionsMax} devices, the connections that one replay opens`,
  );
}
