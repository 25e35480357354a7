import { ANSWER, ANSWER_BYTES } from "../wire/mqtt-answers.ts";
import type { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import type { MessageView } from "./admission.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import { copyOf, GatewayLine, type TopicLead } from "./gateway-line.ts";
import { type DeviceMessage, MessageWindow, type MessageWindowOutcomes } from "./message-window.ts";
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
  /** Of a message that waited: ends the connection once all before it is acknowledged. */
  refusal: RefusalReason | null = null;
  readonly #context: EdgeContext;
  readonly #owner: PublishSideOwner;
  readonly #window: MessageWindow;
  #device: ConnectedDevice | null = null;
  #received: ReceivedIds | null = null;
  /** A message with QoS 2 has come: until then nobody need look at `#received`. */
  #hasReceived = false;
  /** Of the topic that was published to last. */
  #lead: TopicLead = { topic: "", origin: null, isAside: false };
  /** Null for a device that publishes for itself only. */
  #line: GatewayLine | null = null;
  #passingLine = false;
  /** Stores that have to answer before the next packet passes. */
  #waits = 0;
  /** Answers that wait for a store: what lands meanwhile is answered behind them. */
  #answering: Promise<void> | null = null;

  constructor(context: EdgeContext, owner: PublishSideOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#window = new MessageWindow(context.admission, context.limits, this);
  }

  /** Too many messages wait, for the registry or the log. */
  get isFull(): boolean {
    return this.#window.isFullWith(this.#line?.size ?? 0, this.#line?.bytes ?? 0);
  }

  get mayPass(): boolean {
    return this.#waits === 0 && this.refusal === null && !this.isFull;
  }

  /** Everything that was taken is answered. */
  get isSettled(): boolean {
    return this.#waits === 0 && this.#window.size === 0 && (this.#line?.size ?? 0) === 0;
  }

  /** Resolves when the log has answered for every message that was taken. */
  settled(): Promise<void> {
    return this.#window.settled();
  }

  begin(device: ConnectedDevice, received: ReceivedIds): void {
    const { limits, admission } = this.#context;
    const { gateway } = device;
    this.#device = device;
    this.#received = received;
    if (gateway === null) return;
    const now = (): number => admission.now();
    this.#line = new GatewayLine({ gateway, limits, now, onAnswer: (refusal) => this.#lineAnswered(refusal) });
  }

  /** Takes the PUBLISH; null when that is in order. */
  pass(walker: MqttFrameWalker, timestamp: number): RefusalReason | null {
    if (this.#device === null) return "internal";
    if (!walker.isTopicRepeated) {
      const topic = walker.topic();
      const origin = this.#device.originOf(topic);
      this.#lead = { topic, origin, isAside: origin === null && this.#device.acl.isAside(topic) };
    }
    const line = this.#line;
    if (line !== null && line.size > 0) {
      line.push(this.#lead, walker);
      return null;
    }
    const outcome = this.#passMessage(this.#lead, walker, timestamp);
    if (!isQuestion(outcome)) return outcome;
    line?.push(this.#lead, walker);
    line?.ask();
    return null;
  }

  #passMessage(lead: TopicLead, message: MessageView, timestamp: number): Outcome {
    if (lead.origin === null) {
      if (lead.isAside) return this.#passAside(message);
      if (this.#line === null) return isGatewayTopic(lead.topic) ? "publish-gateway" : "publish-topic";
    }
    return message.qos === 2 ? this.#passOnce(lead, message, timestamp) : this.#take(lead, message, timestamp, null);
  }

  /** What waited is passed on, in order, as far as the registry has answered. */
  #lineAnswered(refusal: RefusalReason | null): void {
    if (!this.#owner.isOpen) return;
    if (refusal !== null) return this.#owner.end(refusal);
    this.#passLine();
    this.#owner.resume();
  }

  #passLine(): void {
    const line = this.#line;
    if (line === null || this.#passingLine) return;
    this.#passingLine = true;
    const now = this.#context.admission.now();
    for (let lined = line.first; lined !== undefined && this.#mayPassLine; lined = line.first) {
      const outcome = this.#passMessage(lined.lead, lined.message, now);
      if (isQuestion(outcome)) {
        line.ask();
        break;
      }
      line.shift();
      this.refusal = outcome;
    }
    if (this.refusal !== null) line.clear();
    this.#passingLine = false;
  }

  get #mayPassLine(): boolean {
    return this.#waits === 0 && this.refusal === null && !this.#window.isFullWith(0, 0) && this.#owner.isOpen;
  }

  #passAside(message: MessageView): RefusalReason | null {
    this.#context.report.dropped();
    if (message.qos === 2) {
      this.#hasReceived = true;
      if (this.#isFullFor(message)) return "receive-maximum";
      this.#received?.note(message.packetId);
    }
    this.#window.skip(message);
    return null;
  }

  /** Too many QoS 2 messages wait for PUBREL. */
  #isFullFor({ packetId }: MessageView): boolean {
    return this.#received?.isFullFor(packetId, this.#context.limits.unacknowledgedPerConnectionMax) === true;
  }

  /** QoS 2 (4.3.3). */
  #passOnce(lead: TopicLead, message: MessageView, timestamp: number): RefusalReason | null {
    const { admission } = this.#context;
    const received = this.#received;
    if (received === null || this.#isFullFor(message)) return "receive-maximum";
    this.#hasReceived = true;
    const step = received.begin(message.packetId, () => admission.newAdmissionId());
    if (step === "new") return this.#takeBegun(lead, message, timestamp, null);
    if (step === "again") {
      this.#window.skip(message);
      return null;
    }
    const copy = copyOf(message);
    this.#wait(step, (admissionId) => this.#takeBegun(lead, copy, timestamp, admissionId));
    return null;
  }

  /** Of QoS 2: what has begun is not begun again, so nothing passes while the registry is asked. */
  #takeBegun(
    lead: TopicLead,
    message: MessageView,
    timestamp: number,
    admissionId: string | null,
  ): RefusalReason | null {
    const gateway = this.#device?.gateway ?? null;
    const outcome = this.#take(lead, message, timestamp, admissionId);
    if (gateway === null || !isQuestion(outcome)) return isQuestion(outcome) ? "internal" : outcome;
    const { admission } = this.#context;
    const copy = copyOf(message);
    this.#wait(
      gateway.ask(outcome.ask, () => admission.now()),
      (refusal) => refusal ?? this.#takeBegun(lead, copy, admission.now(), admissionId),
    );
    return null;
  }

  #take(lead: TopicLead, message: MessageView, timestamp: number, admissionId: string | null): Outcome {
    const { topic, origin } = lead;
    if (origin !== null) {
      const own = admissionId === null ? origin : origin.withAdmissionId(admissionId);
      this.#window.take(own, message, timestamp, this.#isHeard(origin.key));
      return null;
    }
    const found = this.#device?.gateway?.partsOf(topic, message, timestamp) ?? null;
    if (found === null) return "publish-topic";
    if ("ask" in found) return found;
    if ("end" in found) return found.end;
    // Records of one message may share its admission id: they are other devices', or other bytes.
    const parts =
      admissionId === null
        ? found.parts
        : found.parts.map((part) => ({ ...part, origin: part.origin.withAdmissionId(admissionId) }));
    this.#window.takeParts(parts, message, timestamp, (key) => this.#isHeard(key));
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
        this.#passLine();
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
    if (this.#hasReceived && this.#received?.isPending === true) this.#noteLanded(answers);
    if (kept !== null || this.#answering !== null) this.#answerBehind(kept, answers);
    else if (answers.length > 0) this.#owner.answer(answers);
    this.#passLine();
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

/** A question is what the registry has to be asked first: nothing was done. */
type Outcome = RefusalReason | Question | null;
type Question = { readonly ask: readonly string[] };

function isQuestion(outcome: Outcome): outcome is Question {
  return outcome !== null && typeof outcome === "object";
}
