import type { HubLimits } from "./hub-limits.ts";

export type ConflationLimits = Pick<HubLimits, "pendingEventsMax" | "eventsPerFrameMax">;

/** Frames of which only the newest is worth sending. */
export type NewestKind = "watching" | "throughput" | "overview" | "fleet";

/**
 * What waits for one browser. Its size does not depend on how long the browser sleeps: of a device only "changed" is remembered and
 * its newest values are taken when there is room to send, frames that replace each other replace each other, and events have a
 * ceiling above which they are skipped and said to be. All texts are made once and shared by every browser that wants them.
 */
export class Conflation {
  readonly #limits: ConflationLimits;
  readonly #errors: string[] = [];
  readonly #newest = new Map<NewestKind, string>();
  readonly #devices = new Set<string>();
  #alarms = emptyQueue();
  #readings = emptyQueue();
  #readingsDevice = "";

  constructor(limits: ConflationLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return (
      this.#errors.length === 0 &&
      this.#newest.size === 0 &&
      this.#devices.size === 0 &&
      isQueueEmpty(this.#alarms) &&
      isQueueEmpty(this.#readings)
    );
  }

  /** Never skipped: a client that makes too many errors is closed. */
  pushError(frame: string): void {
    this.#errors.push(frame);
  }

  putNewest(kind: NewestKind, frame: string): void {
    this.#newest.set(kind, frame);
  }

  markDevice(key: string): void {
    this.#devices.add(key);
  }

  pushAlarm(json: string): void {
    this.#push(this.#alarms, json);
  }

  pushReading(json: string): void {
    this.#push(this.#readings, json);
  }

  /** Another device is watched: nothing of the former one may follow. */
  resetReadings(device: string): void {
    this.#readings = emptyQueue();
    this.#readingsDevice = device;
  }

  /** Keeps of the marked devices only those that are still watched. */
  keepDevices(watched: ReadonlySet<string>): void {
    for (const key of this.#devices) if (!watched.has(key)) this.#devices.delete(key);
  }

  /** Everything that waits, as frames in sending order; nothing waits afterwards. */
  take(deviceJson: (key: string) => string | null): readonly string[] {
    const frames = [...this.#errors.splice(0), ...this.#newest.values()];
    this.#newest.clear();
    const devices = [...this.#devices].map(deviceJson).filter((json) => json !== null);
    this.#devices.clear();
    if (devices.length > 0) frames.push(`{"type":"values","devices":[${devices.join(",")}]}`);
    const device = JSON.stringify(this.#readingsDevice);
    frames.push(...this.#frames(this.#readings, `{"type":"readings","device":${device},"readings":`));
    frames.push(...this.#frames(this.#alarms, `{"type":"alarms","events":`));
    this.#readings = emptyQueue();
    this.#alarms = emptyQueue();
    return frames;
  }

  #push(queue: EventQueue, json: string): void {
    if (queue.events.length >= this.#limits.pendingEventsMax) {
      queue.events.length = 0;
      queue.missed = true;
    }
    queue.events.push(json);
  }

  #frames(queue: EventQueue, head: string): readonly string[] {
    const frames: string[] = [];
    for (let from = 0; from < queue.events.length; from += this.#limits.eventsPerFrameMax) {
      const part = queue.events.slice(from, from + this.#limits.eventsPerFrameMax).join(",");
      frames.push(`${head}[${part}],"missed":${from === 0 && queue.missed}}`);
    }
    return frames;
  }
}

interface EventQueue {
  readonly events: string[];
  missed: boolean;
}

function emptyQueue(): EventQueue {
  return { events: [], missed: false };
}

function isQueueEmpty(queue: EventQueue): boolean {
  return queue.events.length === 0;
}
