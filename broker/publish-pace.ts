import type { Counter } from "../core/metrics.ts";
import type { PublishRate } from "./publish-rate.ts";

/** How often sockets were not read because somebody was too fast, and for how long. */
export interface PauseCounters {
  readonly times: Counter;
  readonly seconds: Counter;
}

/** One rate that a connection is held to. */
export interface PacedBy {
  readonly rate: PublishRate;
  readonly pauses: PauseCounters;
}

export interface PublishPaceOptions {
  readonly own: PacedBy | null;
  /** Of the device: other connections have it too. */
  readonly device: PacedBy | null;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Something may pass again. */
  readonly resume: () => void;
  /** The connection is over. */
  readonly left: () => void;
}

/** Says whether one connection may pass its next message on. While it may not, its socket is not read: nothing is lost, and TCP tells the sender. */
export class PublishPace {
  readonly #options: PublishPaceOptions;
  readonly #own: PublishRate | null;
  readonly #device: PublishRate | null;
  #heldBy: PacedBy | null = null;
  #heldAt = 0;
  readonly #resume = (): void => {
    this.#release();
    this.#options.resume();
  };

  constructor(options: PublishPaceOptions) {
    this.#options = options;
    this.#own = options.own?.rate ?? null;
    this.#device = options.device?.rate ?? null;
  }

  /** Before messages are passed on: reads the clock, for all of them. */
  refill(): void {
    if (this.#heldBy !== null) return;
    const now = this.#options.nowMs();
    this.#own?.refill(now);
    this.#device?.refill(now);
  }

  /** False: `resume` will be called. */
  mayPass(): boolean {
    if (this.#heldBy !== null) return false;
    if (this.#own !== null && !this.#own.isOpen) return this.#hold(this.#options.own);
    if (this.#device !== null && !this.#device.isOpen) return this.#hold(this.#options.device);
    return true;
  }

  /** A message has passed. */
  spend(payloadBytes: number): void {
    this.#own?.spend(payloadBytes);
    this.#device?.spend(payloadBytes);
  }

  end(): void {
    this.#heldBy?.rate.leave(this.#resume);
    this.#release();
    this.#options.left();
  }

  #hold(by: PacedBy | null): false {
    this.#heldBy = by;
    this.#heldAt = this.#options.nowMs();
    by?.pauses.times.add();
    by?.rate.wait(this.#resume);
    return false;
  }

  #release(): void {
    this.#heldBy?.pauses.seconds.add((this.#options.nowMs() - this.#heldAt) / 1000);
    this.#heldBy = null;
  }
}
