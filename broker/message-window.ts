import type { PublishPacket } from "aedes";
import { createAcknowledgementQueue } from "./acknowledgement-queue.ts";
import type { Admission } from "./admission.ts";
import type { ConnectedDevice } from "./connected-device.ts";

/** What becomes of the messages of a window. */
export interface MessageWindowOutcomes {
  /** One more message has been acknowledged. */
  messageAcknowledged(): void;
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

  constructor(admission: Admission, outcomes: MessageWindowOutcomes) {
    this.#admission = admission;
    this.#outcomes = outcomes;
  }

  /** Messages that are not acknowledged yet, those of QoS 0 included: they wait for the log just the same. */
  get size(): number {
    return this.#size;
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
    const place = this.#queue.enter(() => this.#acknowledge(acknowledge));
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
    this.#admission.admit(origin, message).then(
      () => place.accept(),
      (error: unknown) => place.refuse(() => this.#outcomes.messageFailed(error)),
    );
  }

  #acknowledge(acknowledge: () => void): void {
    this.#size--;
    try {
      acknowledge();
    } catch (error) {
      return this.#outcomes.engineThrew(error);
    }
    this.#outcomes.messageAcknowledged();
  }
}
