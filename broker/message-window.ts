import type { PublishPacket } from "aedes";
import { createAcknowledgementQueue } from "./acknowledgement-queue.ts";
import type { Admission } from "./admission.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { RoutedMessage } from "./gateway-link.ts";

/** What becomes of the messages of a window. */
export interface MessageWindowOutcomes {
  /** One more message has been acknowledged; with what is to be routed of it, if anything. */
  messageAcknowledged(routed: RoutedMessage | null): void;
  /** It is on a topic that nobody reads: it will be acknowledged, and leads nowhere. */
  messageDropped(): void;
  /** All before it are acknowledged; this one may not be published, and nothing after it is looked at. */
  messageForbidden(): void;
  /** All before it are acknowledged; this one is not durable, and nothing after it is acknowledged. */
  messageFailed(error: unknown): void;
  /** The engine threw when it was told to acknowledge. */
  engineThrew(error: unknown): void;
}

/** The messages of one connection between "passed on to the engine" and "acknowledged". */
export class MessageWindow {
  readonly #admission: Admission;
  readonly #outcomes: MessageWindowOutcomes;
  readonly #queue = createAcknowledgementQueue();
  #size = 0;
  #appending = 0;
  #settled: PromiseWithResolvers<void> | null = null;

  constructor(admission: Admission, outcomes: MessageWindowOutcomes) {
    this.#admission = admission;
    this.#outcomes = outcomes;
  }

  /** Messages that are not acknowledged yet, those of QoS 0 included: they wait for the log just the same. */
  get size(): number {
    return this.#size;
  }

  /** Resolves when the log has answered for every message that was taken. */
  settled(): Promise<void> {
    if (this.#appending === 0) return Promise.resolve();
    this.#settled ??= Promise.withResolvers();
    return this.#settled.promise;
  }

  /** A PUBLISH is being passed on to the engine. */
  expect(): void {
    this.#size++;
  }

  /**
   * The engine has read the PUBLISH: append it, and call `acknowledge` once it is durable and its turn has come [MQTT-4.6.0-2].
   * The packet is readied for routing: its topic is the canonical one, and the retain flag, which is accepted, is dropped, because
   * telemetry is a stream and not a state.
   */
  take(device: ConnectedDevice, packet: PublishPacket, acknowledge: () => void): void {
    let routed: RoutedMessage | null = null;
    const place = this.#queue.enter(() => this.#acknowledge(acknowledge, routed));
    packet.retain = false;
    if (device.acl.isAside(packet.topic)) {
      this.#outcomes.messageDropped();
      return place.accept();
    }
    const origin = device.originOf(packet.topic);
    if (origin === null) return place.refuse(() => this.#outcomes.messageForbidden());
    packet.topic = device.acl.telemetryTopic;
    const message = {
      qos: packet.qos,
      dup: packet.dup,
      packetId: packet.qos === 0 ? undefined : packet.messageId,
      payload: typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload,
    };
    routed = message;
    this.#appending++;
    this.#admission.admit(origin, message).then(
      () => {
        this.#appended();
        place.accept();
      },
      (error: unknown) => {
        this.#appended();
        place.refuse(() => this.#outcomes.messageFailed(error));
      },
    );
  }

  #appended(): void {
    if (--this.#appending > 0) return;
    this.#settled?.resolve();
    this.#settled = null;
  }

  #acknowledge(acknowledge: () => void, routed: RoutedMessage | null): void {
    this.#size--;
    try {
      acknowledge();
    } catch (error) {
      return this.#outcomes.engineThrew(error);
    }
    this.#outcomes.messageAcknowledged(routed);
  }
}
