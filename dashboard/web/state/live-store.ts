import { batch, effect, type ReadonlySignal, signal, type Signal } from "@preact/signals";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Overview } from "../../../core/overview.ts";
import type {
  DeviceValues,
  FleetMessage,
  ReadingsMessage,
  ServerMessage,
  ThroughputPoint,
} from "../../live-protocol.ts";
import { createFrameQueue } from "./frame-queue.ts";
import { createLiveSocket, type LiveSocket } from "./live-socket.ts";
import { throttle } from "./throttle.ts";
import type { ServerClock } from "./server-clock.ts";

export interface LiveStoreOptions {
  readonly clock: ServerClock;
  /** Events since the last call; `missed` when some were skipped. */
  onAlarms(events: readonly AlarmEvent[], missed: boolean): void;
  onConnected(): void;
  onFailed(isSignedOut: boolean): void;
}

/** What the hub says, as signals. Messages are taken in once per frame, so that a burst costs one rendering. */
export interface LiveStore {
  readonly socket: LiveSocket;
  readonly overview: ReadonlySignal<Overview | null>;
  readonly fleet: ReadonlySignal<FleetMessage | null>;
  readonly throughput: ReadonlySignal<readonly ThroughputPoint[]>;
  readonly staleAfterMs: ReadonlySignal<number>;
  /** Last values of one device; changes only when that device does. */
  valuesOf(device: string): ReadonlySignal<DeviceValues | null>;
  /** Devices whose last values are visible now. */
  watchValues(devices: readonly string[]): void;
  /** Takes every reading of one device until the returned function is called. */
  watchReadings(device: string, onReadings: (message: ReadingsMessage) => void): () => void;
}

/** Scrolling changes what is wanted with every frame; the hub refuses a flood of messages. */
const WATCH_MS = 100;

export function createLiveStore(options: LiveStoreOptions): LiveStore {
  const overview = signal<Overview | null>(null);
  const fleet = signal<FleetMessage | null>(null);
  const throughput = signal<readonly ThroughputPoint[]>([]);
  const staleAfterMs = signal(Infinity);
  const values = new Map<string, Signal<DeviceValues | null>>();
  const wantedDevices = signal<readonly string[]>([]);
  const wantedDevice = signal<string | null>(null);
  const connected = signal(0);
  let onReadings: ((message: ReadingsMessage) => void) | null = null;
  let watchId = 0;

  function valuesSignal(device: string): Signal<DeviceValues | null> {
    const known = values.get(device);
    if (known !== undefined) return known;
    if (values.size > LIMITS.browserDevicesMax) values.clear();
    const made = signal<DeviceValues | null>(null);
    values.set(device, made);
    return made;
  }

  function take(message: ServerMessage): void {
    if (message.type === "overview") {
      overview.value = message.overview;
      options.clock.synchronise(message.overview.at);
      const lag = message.overview.hops.reduce((sum, hop) => sum + hop.lag, 0);
      const point = [message.overview.at, message.overview.hops[0]?.ratePerSecond ?? 0, lag] as const;
      if ((throughput.peek().at(-1)?.[0] ?? 0) < point[0]) {
        throughput.value = [...throughput.peek(), point].slice(-LIMITS.throughputPointsMax);
      }
    } else if (message.type === "values") {
      for (const device of message.devices) valuesSignal(device[0]).value = device;
    } else if (message.type === "readings") {
      if (message.device === wantedDevice.peek()) onReadings?.(message);
    } else if (message.type === "alarms") options.onAlarms(message.events, message.missed);
    else if (message.type === "fleet") fleet.value = message;
    else if (message.type === "throughput") throughput.value = message.points;
    else if (message.type === "hello") {
      staleAfterMs.value = message.staleAfterMs;
      options.clock.synchronise(message.at);
    } else if (message.type === "watching" && message.id === 1) options.onConnected();
    else if (message.type === "error")
      reportError(new Error(`The live hub refused a message: ${message.code} ${message.detail}`));
  }

  const queue = createFrameQueue<ServerMessage>((messages) => batch(() => messages.forEach(take)));
  const socket = createLiveSocket({
    onMessage: queue.push,
    onOpen() {
      watchId = 0;
      connected.value += 1;
    },
    onFailed: options.onFailed,
  });
  const sendWatch = throttle(WATCH_MS, () => {
    watchId += 1;
    const want = { devices: wantedDevices.peek(), device: wantedDevice.peek() };
    socket.send({ type: "watch", id: watchId, overview: true, alarms: true, ...want });
  });
  effect(() => {
    void [wantedDevices.value, wantedDevice.value];
    if (connected.value > 0) sendWatch();
  });

  return {
    socket,
    overview,
    fleet,
    throughput,
    staleAfterMs,
    valuesOf: valuesSignal,
    watchValues(devices) {
      const now = wantedDevices.peek();
      if (devices.length !== now.length || devices.some((id, i) => id !== now[i])) wantedDevices.value = devices;
    },
    watchReadings(device, listener) {
      onReadings = listener;
      wantedDevice.value = device;
      return () => {
        if (onReadings !== listener) return;
        onReadings = null;
        wantedDevice.value = null;
      };
    },
  };
}
