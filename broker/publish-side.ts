import { ANSWER, ANSWER_BYTES } from "../wire/mqtt-answers.ts";
import type { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import type { MessageView } from "./admission.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import { type DeviceMessage, MessageWindow, type MessageWindowOutcomes } from "./message-window.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { RefusalReason } from "./refusals.ts";
import type { ReceivedIds } from "./session/received-ids.ts";
import { isGatewayTopic } from "./topic-acl.ts";

/** What the connection does for the part of it that publishes. */
export interface PublishSideOwner {
  readonly isOpen: boolean;
  /** Packets may follow, or the connection may end. */
  resume(): void;
  /** PUBACK and PUBREC, as many as there are. */
  answer(bytes: Buffer): void;
  /** The log does not take a message: nothing behind it is acknowledged. */
  appendFailed(error: unknown): void;
  end(reason: RefusalReason, cause?: unknown): void;
}

/** The part of a connection that has to do with publishing: from a topic to the log, and to PUBACK or PUBREC. */
export class PublishSide implements MessageWindowOutcomes {
  readonly #context: EdgeContext;
  readonly #owner: PublishSideOwner;
  readonly #window: MessageWindow;
  #device: ConnectedDevice | null = null;
  #received: ReceivedIds | null = null;
  /** Of the topic that was published to last: where it leads. */
  #topic = "";
  #origin: MessageOrigin | null = null;
  #isAside = false;
  /** Registry or stores that have to answer before the next packet passes. */
  #waits = 0;
  /** Answers that wait for a store: what lands meanwhile is answered behind them. */
  #answering: Promise<void> | null = null;

  constructor(context: EdgeContext, owner: PublishSideOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#window = new MessageWindow(context.admission, context.limits, this);
  }

  /** Too many messages wait for the log. */
  get isFull(): boolean {
    return this.#window.isFull;
  }

  get mayPass(): boolean {
    return this.#waits === 0 && !this.#window.isFull;
  }

  /** Everything that was taken is answered. */
  get isSettled(): boolean {
    return this.#waits === 0 && this.#window.size === 0;
  }

  /** Resolves when the log has answered for every message that was taken. */
  settled(): Promise<void> {
    return this.#window.settled();
  }

  begin(device: ConnectedDevice, received: ReceivedIds): void {
    this.#device = device;
    this.#received = received;
  }

  /** Takes the PUBLISH; null when that is in order. */
  pass(walker: MqttFrameWalker, timestamp: number): RefusalReason | null {
    if (this.#device === null) return "internal";
    if (!walker.isTopicRepeated) {
      this.#topic = walker.topic();
      this.#origin = this.#device.originOf(this.#topic);
      this.#isAside = this.#origin === null && this.#device.acl.isAside(this.#topic);
    }
    if (this.#origin === null) {
      if (this.#isAside) return this.#passAside(walker);
      if (this.#device.gateway === null) return isGatewayTopic(this.#topic) ? "publish-gateway" : "publish-topic";
    }
    return walker.qos === 2 ? this.#passOnce(walker, timestamp) : this.#take(walker, timestamp, null);
  }

  #passAside(walker: MqttFrameWalker): RefusalReason | null {
    this.#context.report.dropped();
    if (walker.qos === 2) {
      if (this.#isFullFor(walker)) return "receive-maximum";
      this.#received?.note(walker.packetId);
    }
    this.#window.skip(walker);
    return null;
  }

  /** Too many QoS 2 messages wait for PUBREL. */
  #isFullFor({ packetId }: MqttFrameWalker): boolean {
    return this.#received?.isFullFor(packetId, this.#context.limits.unacknowledgedPerConnectionMax) === true;
  }

  /** QoS 2 (4.3.3). */
  #passOnce(walker: MqttFrameWalker, timestamp: number): RefusalReason | null {
    const { admission } = this.#context;
    const received = this.#received;
    if (received === null || this.#isFullFor(walker)) return "receive-maximum";
    const step = received.begin(walker.packetId, () => admission.newAdmissionId());
    if (step === "new") return this.#take(walker, timestamp, null);
    if (step === "again") {
      this.#window.skip(walker);
      return null;
    }
    const message = copyOf(walker);
    this.#wait(step, (admissionId) => this.#take(message, timestamp, admissionId));
    return null;
  }

  #take(message: MessageView, timestamp: number, admissionId: string | null): RefusalReason | null {
    const origin = this.#origin;
    if (origin === null) return this.#takeParts(message, timestamp, admissionId);
    const own = admissionId === null ? origin : origin.withAdmissionId(admissionId);
    this.#window.take(own, message, timestamp, this.#isHeard(origin.key));
    return null;
  }

  #takeParts(message: MessageView, timestamp: number, admissionId: string | null): RefusalReason | null {
    const gateway = this.#device?.gateway ?? null;
    const found = gateway === null ? null : gateway.partsOf(this.#topic, message, timestamp);
    if (gateway === null || found === null) return "publish-topic";
    if ("parts" in found) {
      // Records of one message may share its admission id: they are other devices', or other bytes.
      const parts =
        admissionId === null
          ? found.parts
          : found.parts.map((part) => ({ ...part, origin: part.origin.withAdmissionId(admissionId) }));
      this.#window.takeParts(parts, message, timestamp, (key) => this.#isHeard(key));
      return null;
    }
    const { admission } = this.#context;
    const copy = copyOf(message);
    const asking = gateway.ask(found.ask, () => admission.now());
    this.#wait(asking, (refusal) => refusal ?? this.#takeParts(copy, admission.now(), admissionId));
    return null;
  }

  /** Lets nothing pass until `work` has resolved and `take` is done with it. */
  #wait<T>(work: Promise<T>, take: (result: T) => RefusalReason | null): void {
    this.#waits += 1;
    work
      .then((result) => (this.#owner.isOpen ? take(result) : null))
      .then((reason) => reason !== null && this.#owner.end(reason))
      .catch((error: unknown) => this.#owner.end("session-store", error))
      .finally(() => {
        this.#waits -= 1;
        this.#owner.resume();
      });
  }

  /** True when somebody, here or at another gateway, is to get the messages of this device (`tenant/device`). */
  #isHeard(key: string): boolean {
    const { sessions, link } = this.#context;
    return sessions.index.has(key) || link.isAsked(key);
  }

  messageFailed(error: unknown): void {
    this.#owner.appendFailed(error);
  }

  messagesLanded(answers: Buffer, routed: readonly DeviceMessage[]): void {
    const kept = routed.length === 0 ? null : this.#route(routed);
    if (this.#received?.isPending === true) this.#noteLanded(answers);
    if (kept !== null || this.#answering !== null) this.#answerBehind(kept, answers);
    else if (answers.length > 0) this.#owner.answer(answers);
    this.#owner.resume();
  }

  /** Null when nobody is to be waited for. */
  #route(routed: readonly DeviceMessage[]): Promise<unknown> | null {
    const kept: Promise<void>[] = [];
    for (const message of routed) {
      const wait = this.#context.route(message.key, message);
      if (wait !== null) kept.push(wait);
    }
    return kept.length === 0 ? null : Promise.all(kept);
  }

  /** What PUBREC answers has landed. */
  #noteLanded(answers: Buffer): void {
    for (let at = 0; at < answers.length; at += ANSWER_BYTES) {
      if (answers[at] === ANSWER.pubrec) this.#received?.landed(answers.readUInt16BE(at + 2));
    }
  }

  /** In order, although stores answer in any. */
  #answerBehind(kept: Promise<unknown> | null, answers: Buffer): void {
    const answering = Promise.all([this.#answering, kept]).then(() => {
      if (answers.length > 0) this.#owner.answer(answers);
      if (this.#answering === answering) this.#answering = null;
    });
    this.#answering = answering;
    this.#wait(answering, () => null);
  }
}

/** The socket's bytes are used again while the message waits. */
function copyOf({ qos, dup, retain, packetId, source, payloadStart, end }: MessageView): MessageView {
  const payload = Buffer.from(source.subarray(payloadStart, end));
  return { qos, dup, retain, packetId, source: payload, payloadStart: 0, end: payload.length };
}
