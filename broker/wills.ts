import { errorText, isMillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { MqttWill } from "../wire/mqtt-connect.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { MessageOrigin } from "./message-origin.ts";

export interface WillsOptions {
  readonly limits: Pick<EdgeLimits, "willsWaitingMax" | "willsWaitingBytesMax" | "refusalHoldMs">;
  /** Resolves when it is durable; rejects as `Admission.admit`. */
  readonly admit: (origin: MessageOrigin, will: MqttWill) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface WaitingWill {
  readonly client: string;
  readonly key: string;
  readonly origin: MessageOrigin;
  readonly will: MqttWill;
}

/**
 * Wills on their way into the log. Those that it refuses for now, since it is full or away, are tried again until it takes them. Not of a client that
 * has come back meanwhile: behind what it says then, its will would tell all that it has gone; and not when the broker stops.
 */
export class Wills {
  readonly #options: WillsOptions;
  /** By client: those that the log has not answered for. */
  readonly #new = new Map<string, WaitingWill>();
  /** By client, of which there is one connection at a time; in the order in which they came. */
  readonly #waiting = new Map<string, WaitingWill>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #trying = false;
  #stopped = false;
  readonly #gauge: { set(value: number): void };
  readonly #lost: { add(): void };

  constructor(options: WillsOptions) {
    this.#options = options;
    this.#gauge = options.metrics.gauge(
      "millrace_mqtt_wills_waiting",
      "Wills that wait until the log takes messages again.",
    );
    this.#lost = options.metrics.counter(
      "millrace_mqtt_wills_lost_total",
      "Wills that were not published: the log refused them, and too many waited already or the broker stopped.",
    );
  }

  publish({ client, key }: Pick<ConnectedDevice, "client" | "key">, origin: MessageOrigin, will: MqttWill): void {
    const waiting = { client, key, origin, will };
    // Behind others, which the log has just refused.
    if (this.#waiting.size > 0) return this.#wait(waiting);
    this.#new.set(client, waiting);
    void this.#tryNew(waiting);
  }

  async #tryNew(waiting: WaitingWill): Promise<void> {
    const isWanted = (): boolean => this.#new.get(waiting.client) === waiting;
    try {
      await this.#options.admit(waiting.origin, waiting.will);
      if (isWanted()) this.#new.delete(waiting.client);
    } catch (error) {
      if (!isWanted()) return;
      this.#new.delete(waiting.client);
      if (isForNow(error) && !this.#stopped) this.#wait(waiting);
      else this.#lose(waiting, error);
    }
  }

  /** The client (`ConnectedDevice.client`) is there again. */
  forget(client: string): void {
    this.#new.delete(client);
    const waiting = this.#waiting.get(client);
    if (waiting !== undefined) this.#remove(waiting);
  }

  /** These devices (`tenant/device`) may say nothing any more. */
  purge(keys: readonly string[]): void {
    const purged = new Set(keys);
    for (const wills of [this.#new, this.#waiting]) {
      for (const { client, key } of wills.values()) if (purged.has(key)) this.forget(client);
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const waiting of this.#waiting.values()) {
      this.#remove(waiting);
      this.#lose(waiting, "the broker stops");
    }
  }

  #wait(waiting: WaitingWill): void {
    const { willsWaitingMax, willsWaitingBytesMax } = this.#options.limits;
    this.forget(waiting.client);
    const isFull =
      this.#waiting.size >= willsWaitingMax || this.#bytes + waiting.will.payload.length > willsWaitingBytesMax;
    if (isFull) return this.#lose(waiting, "the log refuses messages, and too many wills wait already");
    this.#waiting.set(waiting.client, waiting);
    this.#bytes += waiting.will.payload.length;
    this.#gauge.set(this.#waiting.size);
    this.#trySoon();
  }

  #remove(waiting: WaitingWill): void {
    this.#waiting.delete(waiting.client);
    this.#bytes -= waiting.will.payload.length;
    this.#gauge.set(this.#waiting.size);
  }

  #lose({ key, client }: WaitingWill, error: unknown): void {
    this.#lost.add();
    this.#options.logger.warn({ key, client, error: errorText(error) }, "a will was not admitted");
  }

  #trySoon(): void {
    if (this.#timer !== null || this.#trying || this.#stopped || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#tryAgain();
    }, this.#options.limits.refusalHoldMs);
  }

  /** The first one alone: while the log goes on refusing, one is enough to know. */
  async #tryAgain(): Promise<void> {
    this.#trying = true;
    const [first, ...others] = this.#waiting.values();
    if (first !== undefined && (await this.#isSettled(first))) {
      await Promise.all(others.map((waiting) => this.#isSettled(waiting)));
    }
    this.#trying = false;
    this.#trySoon();
  }

  /** False when it has to wait on. */
  async #isSettled(waiting: WaitingWill): Promise<boolean> {
    const isWaiting = (): boolean => this.#waiting.get(waiting.client) === waiting;
    if (!isWaiting()) return true;
    try {
      await this.#options.admit(waiting.origin, waiting.will);
    } catch (error) {
      if (!isWaiting()) return true;
      if (isForNow(error)) return false;
      this.#lose(waiting, error);
    }
    if (isWaiting()) this.#remove(waiting);
    return true;
  }
}

function isForNow(error: unknown): boolean {
  return isMillraceError(error) && error.retry === "later";
}
