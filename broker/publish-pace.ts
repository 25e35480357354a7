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

/**
 * Says whether one connection may pass its next message on. While it may not, its socket is not read: nothing is lost, and TCP tells the sender. A
 * turn of messages, in which nobody else spends, goes from `begin` to `settle`: in between a message costs two subtractions.
 */
export class PublishPace {
  readonly #options: PublishPaceOptions;
  readonly #own: PublishRate | null;
  readonly #device: PublishRate | null;
  /** What may pass in this turn, of what was there at its begin. */
  #messagesLeft = 0;
  #bytesLeft = 0;
  #messagesGiven = 0;
  #bytesGiven = 0;
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

  /** Reads the clock, for all messages of the turn. */
  begin(): void {
    if (this.#heldBy !== null) return;
    const now = this.#options.nowMs();
    this.#own?.refill(now);
    this.#device?.refill(now);
    this.#messagesGiven = Math.min(this.#own?.messagesLeft ?? Infinity, this.#device?.messagesLeft ?? Infinity);
    this.#bytesGiven = Math.min(this.#own?.bytesLeft ?? Infinity, this.#device?.bytesLeft ?? Infinity);
    this.#messagesLeft = this.#messagesGiven;
    this.#bytesLeft = this.#bytesGiven;
  }

  /** False: `resume` will be called. */
  mayPass(): boolean {
    return (this.#messagesLeft > 0 && this.#bytesLeft > 0) || this.#holdBack();
  }

  /** A message has passed. */
  spend(payloadBytes: number): void {
    this.#messagesLeft -= 1;
    this.#bytesLeft -= payloadBytes;
  }

  settle(): void {
    const messages = this.#messagesGiven - this.#messagesLeft;
    if (messages === 0) return;
    const bytes = this.#bytesGiven - this.#bytesLeft;
    this.#own?.spend(messages, bytes);
    this.#device?.spend(messages, bytes);
    this.#messagesGiven = this.#messagesLeft;
    this.#bytesGiven = this.#bytesLeft;
  }

  end(): void {
    this.settle();
    this.#heldBy?.rate.leave(this.#resume);
    this.#release();
    this.#options.left();
  }

  #holdBack(): boolean {
    if (this.#heldBy !== null) return false;
    this.settle();
    this.begin();
    if (this.#messagesLeft > 0 && this.#bytesLeft > 0) return true;
    return this.#hold(this.#own?.isOpen === false ? this.#options.own : this.#options.device);
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
