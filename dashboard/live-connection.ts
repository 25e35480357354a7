import type { RawData, WebSocket } from "ws";
import type { Clock } from "../core/clock.ts";
import { MillraceError, isMillraceError } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import type { Principal } from "../core/registry.ts";
import { Conflation } from "./conflation.ts";
import type { HubCounters } from "./hub-counters.ts";
import type { HubLimits } from "./hub-limits.ts";
import type { HubPaces } from "./hub-paces.ts";
import type { LiveFeed } from "./live-feed.ts";
import { CLOSE_CODE, type ErrorMessage, type WatchingMessage, type WatchMessage } from "./live-protocol.ts";
import { parseClientMessage } from "./parse-client-message.ts";
import type { Watcher } from "./watchers.ts";

export interface LiveConnectionOptions {
  readonly socket: WebSocket;
  readonly principal: Principal;
  readonly feed: LiveFeed;
  readonly limits: HubLimits;
  readonly paces: HubPaces;
  readonly clock: Clock;
  readonly counters: HubCounters;
  /** Puts what is known at once for a client that begins to watch the overview. */
  greetOverview(watcher: Watcher): void;
}

/** One browser: what it watches, what waits for it, and how fast it gets it. */
export class LiveConnection implements Watcher {
  readonly tenant: string;
  readonly pending: Conflation;
  readonly socket: WebSocket;
  readonly #options: LiveConnectionOptions;
  #devices: ReadonlySet<string> = new Set();
  #device: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastFlushAt = -Infinity;
  #slowSince: number | null = null;
  #errors = 0;
  #messages = 0;
  #messagesSince = -Infinity;
  #alive = true;

  constructor(options: LiveConnectionOptions) {
    this.#options = options;
    this.socket = options.socket;
    this.tenant = options.principal.tenant;
    this.pending = new Conflation(options.limits);
    this.socket.on("message", (data, isBinary) => this.#socketOnMessage(data, isBinary));
    this.socket.on("pong", () => (this.#alive = true));
    this.socket.on("close", () => this.#socketOnClose());
  }

  schedule(): void {
    if (this.#timer !== null) return;
    const { flushMs, deviceFlushMs } = this.#options.paces;
    const waitMs = this.#lastFlushAt + (this.#device === null ? flushMs : deviceFlushMs) - performance.now();
    if (waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#timerOnFlush(), waitMs);
  }

  /** Called every `pingMs`. Ends the connection when the last ping was not answered. */
  ping(): void {
    if (!this.#alive) {
      this.socket.terminate();
      return;
    }
    this.#alive = false;
    this.socket.ping();
  }

  #timerOnFlush(): void {
    this.#timer = null;
    this.#flush();
  }

  #flush(): void {
    if (this.pending.isEmpty || this.socket.readyState !== this.socket.OPEN) return;
    const now = performance.now();
    this.#lastFlushAt = now;
    if (this.#isSlow(now)) {
      this.#options.counters.conflated.add();
      this.schedule();
      return;
    }
    for (const frame of this.pending.take((key) => this.#options.feed.lastValues.json(key))) {
      this.socket.send(frame);
      this.#options.counters.frames.add();
    }
  }

  /** True while its buffer is too full to add to; drops it when that lasts. */
  #isSlow(now: number): boolean {
    const { limits, counters } = this.#options;
    if (this.socket.bufferedAmount <= limits.dashboardBufferBytesMax) {
      this.#slowSince = null;
      return false;
    }
    this.#slowSince ??= now;
    if (now - this.#slowSince > limits.slowClientMs) {
      counters.dropped.add();
      this.socket.close(CLOSE_CODE.tooSlow, "too slow");
      // The close frame waits behind the full buffer; the peer that does not read will not answer it.
      this.socket.terminate();
    }
    return true;
  }

  #socketOnMessage(data: RawData, isBinary: boolean): void {
    try {
      this.#countMessage();
      if (isBinary) throw new MillraceError("INVALID_INPUT", "Messages are JSON texts, not binary.");
      const text = Buffer.isBuffer(data) ? data.toString() : "";
      this.#watch(parseClientMessage(text, this.#options.limits.watchedDevicesMax));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      this.#refuse(error);
    }
    this.schedule();
  }

  #countMessage(): void {
    const now = performance.now();
    if (now - this.#messagesSince > 1000) {
      this.#messagesSince = now;
      this.#messages = 0;
    }
    this.#messages += 1;
    const most = this.#options.limits.clientMessagesPerSecondMax;
    if (this.#messages > most) throw new MillraceError("LIMIT_EXCEEDED", `At most ${most} messages a second.`);
  }

  #refuse(error: MillraceError): void {
    this.#options.counters.badMessages.add();
    this.#errors += 1;
    const message: ErrorMessage = { type: "error", code: error.code, detail: error.message };
    this.pending.pushError(JSON.stringify(message));
    if (this.#errors > this.#options.limits.clientErrorsMax) {
      this.socket.close(CLOSE_CODE.tooManyErrors, "too many bad messages");
    }
  }

  /** Registers first and then takes what is known, so that nothing lies between. */
  #watch(message: WatchMessage): void {
    const { feed, clock } = this.#options;
    const { watchers } = feed;
    if (message.overview && !watchers.overview.has(this)) {
      watchers.overview.add(this);
      this.#options.greetOverview(this);
    } else if (!message.overview) watchers.overview.delete(this);
    if (message.alarms) watchers.alarms.add(this.tenant, this);
    else watchers.alarms.delete(this.tenant, this);
    this.#watchDevices(new Set(message.devices.map((id) => deviceKey(this.tenant, id))));
    this.#watchDevice(message.device);
    const watching: WatchingMessage = { type: "watching", id: message.id, at: clock.now() };
    this.pending.putNewest("watching", JSON.stringify(watching));
  }

  #watchDevices(wanted: ReadonlySet<string>): void {
    const { values } = this.#options.feed.watchers;
    for (const key of this.#devices) if (!wanted.has(key)) values.delete(key, this);
    for (const key of wanted) {
      if (this.#devices.has(key)) continue;
      values.add(key, this);
      this.pending.markDevice(key);
    }
    this.#devices = wanted;
    this.pending.keepDevices(wanted);
  }

  #watchDevice(device: string | null): void {
    const wanted = device === null ? null : deviceKey(this.tenant, device);
    if (wanted === this.#device) return;
    const { readings } = this.#options.feed.watchers;
    if (this.#device !== null) readings.delete(this.#device, this);
    this.#device = wanted;
    this.pending.resetReadings(device ?? "");
    if (wanted === null) return;
    readings.add(wanted, this);
    for (const json of this.#options.feed.recentReadings(wanted)) this.pending.pushReading(json);
  }

  #socketOnClose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#options.feed.watchers.remove(this, this.#devices, this.#device);
  }
}
