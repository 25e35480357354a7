import type { MillraceError } from "../core/errors.ts";
import { ANSWER, type Answer, ANSWER_BYTES, encodeAnswer, writeAnswer } from "../wire/mqtt-answers.ts";
import type { AppendGroup, AppendWaiter } from "../core/event-log.ts";
import type { Admission, AdmittedRun, MessageView } from "./admission.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { MessagePart } from "./field-gateway.ts";
import type { RoutedMessage } from "./gateway-link.ts";
import type { MessageOrigin } from "./message-origin.ts";
import { AnswerQueue } from "./answer-queue.ts";

/** What is to be routed, and whose (`tenant/device`) it is. */
export interface DeviceMessage extends RoutedMessage {
  readonly key: string;
}

/** What becomes of the messages of a window. */
export interface MessageWindowOutcomes {
  /** All before them are acknowledged, and these may be: with PUBACK or PUBREC, and what is to be routed of them. */
  messagesLanded(answers: Buffer, routed: readonly DeviceMessage[]): void;
  /** All before it are acknowledged; this one is not durable, and nothing after it is acknowledged. */
  messageFailed(error: unknown): void;
}

type WindowLimits = Pick<EdgeLimits, "unacknowledgedPerConnectionMax" | "unacknowledgedBytesPerConnectionMax">;

/**
 * The messages of one connection between "taken" and "acknowledged", in runs: what went into the same group of the log is acknowledged in one
 * write. In the order of the messages [MQTT-4.6.0-2], although groups of different partitions may land in any.
 */
export class MessageWindow {
  /** Messages that wait for the log, those of QoS 0 included. */
  size = 0;
  /** Payload bytes of them. */
  bytes = 0;
  readonly #admission: Admission;
  readonly #limits: WindowLimits;
  readonly #outcomes: MessageWindowOutcomes;
  /** All but the first of each run: with one message at a time nobody looks at it. */
  readonly #answers = new AnswerQueue();
  #first: Run | null = null;
  /** A run that is settled, to be used again: what is new and hangs on something old costs the collector of garbage most. */
  #spare: Run | null = null;
  #last: Run | null = null;
  /** A message was refused: nothing behind it is acknowledged. */
  #ended = false;
  #pendingRuns = 0;
  #settled: PromiseWithResolvers<void> | null = null;

  constructor(admission: Admission, limits: WindowLimits, outcomes: MessageWindowOutcomes) {
    this.#admission = admission;
    this.#limits = limits;
    this.#outcomes = outcomes;
  }

  /** With so many more messages, and payload bytes of them. */
  isFullWith(messages: number, bytes: number): boolean {
    const { unacknowledgedPerConnectionMax, unacknowledgedBytesPerConnectionMax } = this.#limits;
    return (
      this.size + messages >= unacknowledgedPerConnectionMax ||
      this.bytes + bytes >= unacknowledgedBytesPerConnectionMax
    );
  }

  /** `isRouted`: somebody is to get the message when it is acknowledged. */
  take(origin: MessageOrigin, message: MessageView, timestamp: number, isRouted: boolean): void {
    const run = this.#collect(origin, message, timestamp, isRouted);
    if (run !== null && message.qos !== 0) this.#addAnswer(run, message);
  }

  /** A message that becomes several records: acknowledged once, when all of them have landed. `isRouted`: of a device (`tenant/device`). */
  takeParts(
    parts: readonly MessagePart[],
    message: MessageView,
    timestamp: number,
    isRouted: (key: string) => boolean,
  ): void {
    let run: Run | null = null;
    for (const { origin, source = message.source, start, end } of parts) {
      const part = { ...viewOf(message), source, payloadStart: start, end };
      run = this.#collect(origin, part, timestamp, isRouted(origin.key));
      if (run === null) return;
    }
    if (run !== null && message.qos !== 0) this.#addAnswer(run, message);
  }

  /** Null when the log refuses it: the outcome is told. */
  #collect(origin: MessageOrigin, message: MessageView, timestamp: number, isRouted: boolean): Run | null {
    let group: AppendGroup;
    try {
      group = this.#admission.take(origin, message, timestamp);
    } catch (error) {
      this.#admission.failed(1);
      this.#outcomes.messageFailed(error);
      return null;
    }
    const bytes = message.end - message.payloadStart;
    this.size += 1;
    this.bytes += bytes;
    const run = this.#runOf(group, origin);
    run.messages += 1;
    run.bytes += bytes;
    run.timestamp = timestamp;
    if (!origin.isTelemetry || (!isRouted && !message.retain)) return run;
    const payload = Buffer.from(message.source.subarray(message.payloadStart, message.end));
    run.routed ??= [];
    run.routed.push({ key: origin.key, qos: message.qos, payload, retain: message.retain });
    return run;
  }

  /** A message that is acknowledged in its turn, and leads nowhere. */
  skip(message: Acknowledged): void {
    if (message.qos === 0) return;
    if (this.#last !== null) return this.#addAnswer(this.#last, message);
    this.#outcomes.messagesLanded(encodeAnswer(answerOf(message), message.packetId), NONE_ROUTED);
  }

  /** Resolves when the log has answered for every message that was taken. */
  settled(): Promise<void> {
    if (this.#pendingRuns === 0) return Promise.resolve();
    this.#settled ??= Promise.withResolvers();
    return this.#settled.promise;
  }

  #addAnswer(run: Run, message: Acknowledged): void {
    if (run.answers === 0) {
      run.firstAnswer = answerOf(message);
      run.firstPacketId = message.packetId;
    } else {
      this.#answers.push(answerOf(message), message.packetId);
    }
    run.answers += 1;
  }

  #runOf(group: AppendGroup, { key, via }: MessageOrigin): Run {
    if (this.#last !== null && this.#last.group === group && this.#last.key === key) return this.#last;
    const run = this.#newRun(group, key, via);
    if (this.#last === null) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.#pendingRuns += 1;
    group.wait(run);
    return run;
  }

  #newRun(group: AppendGroup, key: string, via: string | null): Run {
    const spare = this.#spare;
    const run = spare !== null && spare.key === key && spare.via === via ? spare : new Run(key, via, this);
    this.#spare = null;
    run.group = group;
    return run;
  }

  /** The log has answered for this run of it. */
  runSettled(run: Run): void {
    if (run.error === null) this.#admission.landed(run);
    else this.#admission.failed(run.messages);
    // What comes with the same group is told of in the same turn: it goes out with it.
    if (run.next === null || run.next.group !== run.group) this.#release();
    if (--this.#pendingRuns > 0) return;
    this.#settled?.resolve();
    this.#settled = null;
  }

  /** Of what has landed from the front on. */
  #landedAnswers(): number {
    let answers = 0;
    for (let run = this.#first; run !== null && run.isSettled && run.error === null; run = run.next)
      answers += run.answers;
    return answers;
  }

  /** Acknowledges what has landed from the front on. */
  #release(): void {
    const answers = Buffer.allocUnsafe(this.#landedAnswers() * ANSWER_BYTES);
    let at = 0;
    let landed = false;
    let routed: readonly DeviceMessage[] = NONE_ROUTED;
    let error: unknown = null;
    for (let run = this.#first; run !== null && run.isSettled && error === null; run = this.#first) {
      this.#first = run.next;
      if (run.next === null) this.#last = null;
      this.size -= run.messages;
      this.bytes -= run.bytes;
      error = run.error;
      if (error !== null) break;
      landed = true;
      if (run.answers > 0) at = writeAnswer(answers, at, run.firstAnswer, run.firstPacketId);
      if (run.answers > 1) at = this.#answers.takeInto(answers, at, run.answers - 1);
      if (run.routed !== null) routed = routed.length === 0 ? run.routed : [...routed, ...run.routed];
      run.clear();
      this.#spare = run;
    }
    if (this.#ended) return;
    this.#ended = error !== null;
    if (landed) this.#outcomes.messagesLanded(answers, routed);
    if (error !== null) this.#outcomes.messageFailed(error);
  }
}

const NONE_ROUTED: readonly DeviceMessage[] = [];

type Acknowledged = Pick<MessageView, "qos" | "packetId">;

function answerOf({ qos }: Acknowledged): Answer {
  return qos === 2 ? ANSWER.pubrec : ANSWER.puback;
}

/** Without the fields of a walker, which are many. */
function viewOf({ qos, dup, retain, packetId, source, payloadStart, end }: MessageView): MessageView {
  return { qos, dup, retain, packetId, source, payloadStart, end };
}

/** Messages of one device that follow each other and went into the same group. */
class Run implements AppendWaiter, AdmittedRun {
  group: AppendGroup | null = null;
  readonly key: string;
  readonly via: string | null;
  next: Run | null = null;
  messages = 0;
  bytes = 0;
  answers = 0;
  firstAnswer: Answer = ANSWER.puback;
  firstPacketId = 0;
  timestamp = 0;
  seenAt = 0;
  isNoted = false;
  isSettled = false;
  error: MillraceError | null = null;
  routed: DeviceMessage[] | null = null;
  readonly #window: MessageWindow;

  constructor(key: string, via: string | null, window: MessageWindow) {
    this.key = key;
    this.via = via;
    this.#window = window;
  }

  /** Everything but whose it is: an idle connection must not keep what was in the log with its last message. */
  clear(): void {
    this.group = null;
    this.next = null;
    this.messages = 0;
    this.bytes = 0;
    this.answers = 0;
    this.isSettled = false;
    this.routed = null;
  }

  landed(): void {
    this.isSettled = true;
    this.#window.runSettled(this);
  }

  failed(error: MillraceError): void {
    this.error = error;
    this.landed();
  }
}
