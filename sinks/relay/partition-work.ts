import { aborted, untilAborted } from "../../core/aborted.ts";
import { backOffMs } from "../../core/back-off.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { Readiness } from "../../core/lifecycle.ts";
import type { OwnedPartition } from "../../core/topic-consumer.ts";
import { createEnvelopeSender, type EnvelopeSender } from "../forward/send-envelope.ts";
import type { UpstreamLink } from "../forward/upstream-link.ts";
import type { BadRecord } from "./plan-relay.ts";
import { relayPartition } from "./relay-partition.ts";
import type { RelayMeters } from "./relay-meters.ts";
import type { RelayOptions } from "./relay.ts";

const RECOVER_MS = 1000;
/** Between two looks at what waits. */
const LOOK_MS = 5000;
/** How long an envelope that is under way is waited for when its partition is given up, and then what is under way to Kafka. */
const GIVE_UP_MS = 3000;

export type PartitionWorkOptions = RelayOptions & { readonly meters: RelayMeters };

/** One partition that is relayed, from when it is given to this process until it is taken away. */
export class PartitionWork implements Readiness {
  readonly #owned: OwnedPartition;
  readonly #options: PartitionWorkOptions;
  readonly #link: UpstreamLink;
  readonly #sender: EnvelopeSender;
  readonly #ending = new AbortController();
  readonly #leaving = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #offset: number | null = null;
  #standsAt: BadRecord | null = null;
  /** Why Kafka is no use now. */
  #failure: string | null = null;
  /** Why it was begun again, until a step is done. */
  #trouble: string | null = null;

  constructor(owned: OwnedPartition, options: PartitionWorkOptions) {
    this.#owned = owned;
    this.#options = options;
    const { partition } = owned;
    this.#link = options.link(partition);
    this.#sender = createEnvelopeSender({
      ...options,
      link: this.#link,
      shownAs: { sink: "relay", destination: `upstream of partition ${partition}` },
      onFault: (fault, transition, text) => options.logger.warn({ partition, fault, transition }, text),
      waiting: () => null,
      // Whoever was away for long may have lost the partition: what it sends again would come between what the next owner sends.
      beforeAgain: async () => {
        if (this.#offset !== null) await owned.commit(this.#offset);
      },
      nothing: () => `Nothing of partition ${partition} is relayed from offset ${this.#offset ?? "?"} on`,
    });
  }

  notReadyReasons(): readonly string[] {
    const { partition } = this.#owned;
    const bad = this.#standsAt;
    const stands =
      bad === null
        ? null
        : `partition ${partition} stands before offset ${bad.offset}, which cannot be relayed: ${bad.reason}`;
    return [this.#failure ?? this.#trouble, stands, this.#sender.notReadyReason()].filter((reason) => reason !== null);
  }

  start(): void {
    this.#running = Promise.all([this.#run(), this.#look()]);
  }

  /** What is under way is finished, unless that takes too long. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await untilAborted(this.#running, AbortSignal.timeout(GIVE_UP_MS));
    this.#leaving.abort();
    await untilAborted(this.#running, AbortSignal.timeout(GIVE_UP_MS));
    await this.#link.close();
    this.#sender.end();
    this.#options.meters.waiting(this.#owned.partition, null);
  }

  async #run(): Promise<void> {
    const { bad, meters, logger, limits = LIMITS } = this.#options;
    const { partition } = this.#owned;
    const signals = { ending: this.#ending.signal, leaving: this.#leaving.signal };
    const settle = async (record: BadRecord, signal: AbortSignal): Promise<boolean> => {
      this.#standsAt = record;
      const isSettled = await bad.settle(record, signal);
      if (isSettled) this.#standsAt = null;
      return isSettled;
    };
    const parts = { owned: this.#owned, sender: this.#sender, bad: { settle }, meters, logger, limits };
    const onPosition = (offset: number): void => {
      if (this.#offset !== null && offset > this.#offset) this.#trouble = null;
      this.#offset = offset;
    };
    const onNothing = (): void => void (this.#trouble = null);
    for (let failures = 0; !signals.ending.aborted; failures += 1) {
      const begunAt = performance.now();
      try {
        await relayPartition({ ...parts, onPosition, onNothing }, signals);
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        // It will be taken away as soon as the group tells this member.
        if (error.code === "JOURNAL_FENCED") return aborted(signals.ending);
        if (performance.now() - begunAt > limits.forwardRetryDelayMsMax) failures = 0;
        // What cannot be kept in the file stands, and says so itself.
        if (this.#standsAt === null)
          this.#trouble = `partition ${partition} is begun again and again: ${errorText(error)}`;
        logger.warn({ partition, code: error.code }, `Partition ${partition} is begun again: ${errorText(error)}.`);
        await pause(backOffMs(RECOVER_MS, limits.forwardRetryDelayMsMax, failures), signals.ending);
      }
    }
  }

  /** Counts what waits, and knows when Kafka does not answer: a reader only waits then. */
  async #look(): Promise<void> {
    const { meters } = this.#options;
    const { partition } = this.#owned;
    for (const { signal } = this.#ending; !signal.aborted; await pause(LOOK_MS, signal)) {
      try {
        const { committed, startOffset, endOffset } = await this.#owned.position();
        if (!signal.aborted) meters.waiting(partition, endOffset - Math.max(committed ?? 0, startOffset));
        this.#failure = null;
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        meters.waiting(partition, null);
        this.#failure = `partition ${partition} cannot be read: ${errorText(error)}`;
      }
    }
  }
}
