import { ANSWER, encodeAnswer } from "../../wire/mqtt-answers.ts";
import { encodePublish } from "../../wire/mqtt-publish.ts";
import type { RefusalReason } from "../refusals.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";
import type { QueuedDelivery } from "./session-store.ts";

/** The connection that a session has. */
export interface SessionPeer {
  write(bytes: Buffer): void;
  /** Bytes that were written and that the peer has not taken yet. */
  readonly queuedBytes: number;
  end(reason: RefusalReason, cause?: unknown): void;
}

export interface DeliveryLimits {
  /** Messages that a client has been sent and has not acknowledged. */
  readonly deliveriesInFlightMax: number;
  readonly subscriberQueueBytesMax: number;
  readonly sessionMessageAgeMaxMs: number;
}

export interface DeliveriesOptions {
  readonly limits: DeliveryLimits;
  readonly now: () => number;
  /** Told of messages that were too old to be delivered. */
  readonly onExpired: (messages: number) => void;
}

/** Which deliveries may have been sent before: up to this sequence, and those that were queued before this time (UTC ms). */
export interface SentBefore {
  readonly sequence: number;
  readonly queuedAt: number;
}

export const NOTHING_SENT: SentBefore = { sequence: 0, queuedAt: 0 };

const PACKET_IDS = 0xffff;

/** The same for each attempt, also after a crash: what is sent again keeps its id [MQTT-4.4.0-1]. */
function packetIdOf(sequence: number): number {
  return ((sequence - 1) % PACKET_IDS) + 1;
}

interface InFlight {
  readonly sequence: number;
  readonly qos: 1 | 2;
  released: boolean;
}

/**
 * What one connection is sent with QoS 1 and 2: as far as it acknowledges and reads, the queue is read and delivered, in order
 * [MQTT-4.6.0-6]. An acknowledged message leaves the queue; all others are sent again to the next connection of the session.
 */
export class Deliveries {
  readonly #queue: DeliveryQueue;
  readonly #peer: SessionPeer;
  readonly #options: DeliveriesOptions;
  readonly #sentBefore: SentBefore;
  readonly #inFlight = new Map<number, InFlight>();
  #last = 0;
  #reading = false;
  #more = false;
  #ended = false;

  constructor(queue: DeliveryQueue, peer: SessionPeer, sentBefore: SentBefore, options: DeliveriesOptions) {
    this.#queue = queue;
    this.#peer = peer;
    this.#sentBefore = sentBefore;
    this.#options = options;
  }

  /** There may be more in the queue, or more room. */
  poke(): void {
    this.#more = true;
    if (this.#reading || this.#ended) return;
    this.#reading = true;
    this.#read()
      .catch((error: unknown) => this.#peer.end("session-store", error))
      .finally(() => {
        this.#reading = false;
        if (this.#more) this.poke();
      });
  }

  /** False when the client was sent nothing with this id that PUBACK answers. */
  acknowledged(packetId: number): boolean {
    return this.#inFlight.get(packetId)?.qos === 1 && this.#settle(packetId);
  }

  /** PUBREC. From now on only PUBREL is sent for it [MQTT-4.3.3-1]. */
  received(packetId: number): boolean {
    const message = this.#inFlight.get(packetId);
    if (message?.qos !== 2) return false;
    message.released = true;
    this.#queue.release(message.sequence).then(
      () => this.#write(encodeAnswer(ANSWER.pubrel, packetId)),
      (error: unknown) => this.#peer.end("session-store", error),
    );
    return true;
  }

  /** PUBCOMP. */
  completed(packetId: number): boolean {
    return this.#inFlight.get(packetId)?.released === true && this.#settle(packetId);
  }

  /** Tells what may have been sent. */
  end(): SentBefore {
    this.#ended = true;
    const { sequence, queuedAt } = this.#sentBefore;
    return { sequence: Math.max(this.#last, sequence), queuedAt };
  }

  async #read(): Promise<void> {
    while (this.#more && !this.#ended) {
      this.#more = false;
      const room = this.#room;
      // Whoever makes room pokes again.
      if (room <= 0) return;
      const batch = await this.#queue.read(this.#last, room);
      if (this.#ended || batch.length === 0) continue;
      this.#more = this.#send(batch);
    }
  }

  get #room(): number {
    const { limits } = this.#options;
    if (this.#peer.queuedBytes > limits.subscriberQueueBytesMax) return 0;
    return limits.deliveriesInFlightMax - this.#inFlight.size;
  }

  /** False when the next one has to wait: the id that it would get is still in use. */
  #send(batch: readonly QueuedDelivery[]): boolean {
    const { limits, now, onExpired } = this.#options;
    const oldest = now() - limits.sessionMessageAgeMaxMs;
    const packets: Buffer[] = [];
    let expired = 0;
    let isFree = true;
    for (const delivery of batch) {
      const { sequence, qos, released } = delivery;
      const packetId = packetIdOf(sequence);
      isFree = !this.#inFlight.has(packetId);
      if (!isFree) break;
      this.#last = sequence;
      if (delivery.queuedAt < oldest && !released) {
        expired++;
        this.#forget(sequence);
        continue;
      }
      this.#inFlight.set(packetId, { sequence, qos, released });
      packets.push(
        released
          ? encodeAnswer(ANSWER.pubrel, packetId)
          : encodePublish({ ...delivery, dup: this.#wasSent(delivery), packetId }),
      );
    }
    if (expired > 0) onExpired(expired);
    if (packets.length > 0) this.#write(packets.length === 1 ? (packets[0] ?? NO_BYTES) : Buffer.concat(packets));
    return isFree;
  }

  #wasSent({ sequence, queuedAt }: QueuedDelivery): boolean {
    return sequence <= this.#sentBefore.sequence || queuedAt < this.#sentBefore.queuedAt;
  }

  #settle(packetId: number): true {
    const message = this.#inFlight.get(packetId);
    this.#inFlight.delete(packetId);
    if (message !== undefined) this.#forget(message.sequence);
    this.poke();
    return true;
  }

  #forget(sequence: number): void {
    this.#queue.settle(sequence).catch((error: unknown) => this.#peer.end("session-store", error));
  }

  #write(bytes: Buffer): void {
    if (!this.#ended) this.#peer.write(bytes);
  }
}

const NO_BYTES = Buffer.alloc(0);
