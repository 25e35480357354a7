import { systemClock, type Clock } from "../core/clock.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { DeviceTokens } from "./credentials.ts";
import type { Fleet } from "./fleet.ts";
import { connectDevice, type FleetConnection } from "./fleet-connection.ts";
import { createPacer, waitFor } from "./pacing.ts";
import { createProgress } from "./progress.ts";
import { SIM_PACES } from "./sim-paces.ts";

export interface RunFleetOptions {
  readonly fleet: Fleet;
  /** Messages per second of the whole fleet (before gaps and duplicates). Default: one per device and second. */
  readonly rate?: number;
  /** mqtt://HOST:PORT or mqtts://… */
  readonly connect: { readonly url: string };
  readonly credentials: DeviceTokens;
  /** Ends the run; without it and without `messagesMax` the fleet runs for ever. */
  readonly signal?: AbortSignal;
  readonly messagesMax?: number;
  readonly onProgress?: (progress: FleetProgress) => void;
  readonly clock?: Clock;
}

export interface FleetProgress {
  readonly devices: number;
  readonly connected: number;
  /** Devices that the broker does not accept; the others go on. */
  readonly refused: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** Never sent: the device's window was full, as a real device's buffer would be. */
  readonly dropped: number;
}

/**
 * Publishes a fleet over MQTT, QoS 1, one connection per device, in the fleet's own time from now on. Resolves with the counts when
 * the signal aborts or `messagesMax` is reached and acknowledged. NOT_AUTHENTICATED when the broker accepts none of the devices.
 */
export async function runFleet(options: RunFleetOptions): Promise<FleetProgress> {
  const { fleet, clock = systemClock, signal = new AbortController().signal } = options;
  const intervalMs = intervalOf(fleet.devices.length, options.rate);
  const connections = new Map<string, FleetConnection>();
  const progressNow = () => progressOf(fleet, connections);
  const progress = createProgress(clock, options.onProgress && (() => options.onProgress?.(progressNow())));
  try {
    await connectAll(options, connections, signal, progress.changed);
    await publishAll(options, connections, intervalMs, { clock, signal, changed: progress.changed });
    await settle(connections, signal);
    return progressNow();
  } finally {
    await Promise.all([...connections.values()].map((connection) => connection.close()));
    progress.done();
  }
}

async function connectAll(
  options: RunFleetOptions,
  connections: Map<string, FleetConnection>,
  signal: AbortSignal,
  changed: () => void,
): Promise<void> {
  const { devices } = options.fleet;
  for (let i = 0; i < devices.length && !signal.aborted; i += LIMITS.simulatorConnectingMax) {
    const wave = devices.slice(i, i + LIMITS.simulatorConnectingMax);
    await Promise.all(
      wave.map(async ({ id }) => {
        connections.set(id, await connectDevice(options.connect.url, id, options.credentials, signal));
        changed();
      }),
    );
  }
  if (!signal.aborted && [...connections.values()].every((connection) => connection.refused)) throw noneAccepted();
}

async function publishAll(
  options: RunFleetOptions,
  connections: ReadonlyMap<string, FleetConnection>,
  intervalMs: number,
  run: { readonly clock: Clock; readonly signal: AbortSignal; readonly changed: () => void },
): Promise<void> {
  const { fleet, messagesMax = Infinity } = options;
  const dueAt = createPacer(run.clock, run.signal);
  const startedAt = run.clock.now();
  let count = 0;
  for (const message of fleet.messages(intervalMs)) {
    if (count >= messagesMax) return;
    if (!(await dueAt(startedAt + message.sendAt - fleet.startAt))) return;
    connections.get(message.deviceId)?.publish(message.payload);
    count++;
    run.changed();
  }
}

/** Waits for what is out: without end while the run is wanted, a moment when it was stopped. */
async function settle(connections: ReadonlyMap<string, FleetConnection>, signal: AbortSignal): Promise<void> {
  const patience = new AbortController();
  const settled = Promise.all([...connections.values()].map((connection) => connection.settled()));
  const stopped = (async () => {
    if (!signal.aborted) await waitForAbort(signal, patience.signal);
    await waitFor(SIM_PACES.stopGraceMs, patience.signal);
  })();
  try {
    await Promise.race([settled, stopped]);
  } finally {
    patience.abort();
  }
}

async function waitForAbort(signal: AbortSignal, enough: AbortSignal): Promise<void> {
  const either = AbortSignal.any([signal, enough]);
  if (either.aborted) return;
  await new Promise<void>((resolve) => {
    either.addEventListener("abort", () => resolve(), { once: true });
  });
}

function progressOf(fleet: Fleet, connections: ReadonlyMap<string, FleetConnection>): FleetProgress {
  const all = [...connections.values()];
  const sum = (count: (connection: FleetConnection) => number) => all.reduce((total, one) => total + count(one), 0);
  return {
    devices: fleet.devices.length,
    connected: sum((one) => (one.connected ? 1 : 0)),
    refused: sum((one) => (one.refused ? 1 : 0)),
    sent: sum((one) => one.counts.sent),
    acknowledged: sum((one) => one.counts.acknowledged),
    dropped: sum((one) => one.counts.dropped),
  };
}

function intervalOf(devices: number, rate: number | undefined): number {
  if (devices > LIMITS.simulatorConnectionsMax) {
    throw new MillraceError(
      "INVALID_INPUT",
      `${devices} devices are more than the ${LIMITS.simulatorConnectionsMax} connections that one simulator opens`,
    );
  }
  if (rate === undefined) return 1000;
  if (!(rate > 0)) throw new MillraceError("INVALID_INPUT", `a rate of ${rate} messages per second sends nothing`);
  const intervalMs = (devices / rate) * 1000;
  if (intervalMs >= LIMITS.simulatorIntervalMsMin) return intervalMs;
  const ratePerDeviceMax = 1000 / LIMITS.simulatorIntervalMsMin;
  throw new MillraceError("INVALID_INPUT", `${rate} messages per second are too many for ${devices} devices`, {
    remedy: `Take more devices or at most ${ratePerDeviceMax * devices}/s: one device sends at most ${ratePerDeviceMax}/s (${LIMITS.simulatedUnacknowledgedMax} of its messages may be unacknowledged).`,
  });
}

function noneAccepted(): MillraceError {
  return new MillraceError("NOT_AUTHENTICATED", "the broker accepts none of the fleet's devices", {
    remedy: "Check that their tokens are current: millrace devices rotate.",
  });
}
