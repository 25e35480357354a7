import { isMillraceError } from "../core/errors.ts";
import type { MqttConnect, MqttWill } from "../wire/mqtt-connect.ts";
import { CONNACK_ACCEPTED, CONNACK_PRESENT, PINGRESP } from "../wire/mqtt-answers.ts";
import { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../wire/mqtt-header.ts";
import { closeSocket } from "./close-socket.ts";
import type { MessageView } from "./admission.ts";
import type { ConnectionState } from "./connection-state.ts";
import { identifyDevice, keepAliveMs } from "./connect-steps.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { publishWill } from "./last-will.ts";
import type { Announcement, RoutedMessage } from "./gateway-link.ts";
import type { MessageOrigin } from "./message-origin.ts";
import { MessageWindow } from "./message-window.ts";
import type { PublishPace } from "./publish-pace.ts";
import { readIntoShared } from "./shared-read-buffer.ts";
import type { SessionPeer } from "./session/deliveries.ts";
import { SessionSide } from "./session/session-side.ts";
import { SocketFlow } from "./socket-flow.ts";
import type { PlainEnd, RefusalReason } from "./refusals.ts";

/**
 * One socket: bytes → walker → CONNECT: authenticate, join the table; PUBLISH: admission → acknowledgement; PINGREQ: answer; what has to do
 * with subscriptions and QoS 2: the session. Nothing is walked while messages wait for the log as far as
 * `unacknowledgedPerConnectionMax` lets them, nor while the peer does not read what it is sent or is too fast: then the socket is not read.
 */
export class EdgeConnection implements SessionPeer {
  readonly #socket: EdgeSocket;
  readonly #flow: SocketFlow;
  readonly #context: EdgeContext;
  readonly #walker: MqttFrameWalker;
  readonly #messages: MessageWindow;
  readonly #remote: string;
  #state: ConnectionState = "greeting";
  #timer: NodeJS.Timeout;
  #keepAliveMs = 0;
  #device: ConnectedDevice | null = null;
  #side: SessionSide | null = null;
  #claim: Announcement | null = null;
  #pace: PublishPace | null = null;
  #will: MqttWill | null = null;
  /** Of the topic that was published to last: where it leads. */
  #origin: MessageOrigin | null = null;
  #isAside = false;
  /** Stores that have to answer before the next packet is walked. */
  #waits = 0;
  /** Answers that wait for a store: what lands meanwhile is answered behind them. */
  #answering: Promise<void> | null = null;
  #left: Promise<void> = Promise.resolve();
  #walking = false;
  #walkDue = false;
  /** Set when nothing more will be walked: how to end once what was passed on is acknowledged. */
  #lastWords: RefusalReason | PlainEnd | null = null;
  #peerEnded = false;

  constructor(socket: EdgeSocket, context: EdgeContext) {
    this.#socket = socket;
    this.#flow = new SocketFlow(socket);
    this.#context = context;
    this.#remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.#walker = new MqttFrameWalker(context.limits);
    this.#messages = new MessageWindow(context.admission, context.limits, {
      messagesLanded: (answers, routed) => this.#messagesLanded(answers, routed),
      messageFailed: (error) => this.#appendFailed(error),
    });
    this.#timer = setTimeout(() => this.end("connect-timeout"), context.limits.connectTimeoutMs);
    readIntoShared(socket, (bytes) => this.#socketOnData(bytes));
    socket.on("end", () => this.#socketOnEnd());
    socket.on("drain", () => this.#socketOnDrain());
    // A reset is followed by "close", where it is dealt with.
    socket.on("error", () => this.end("lost"));
    socket.on("close", () => this.end("lost"));
  }

  get network(): string {
    return this.#context.connect.peer.network;
  }

  get greeting(): boolean {
    return this.#state === "greeting";
  }

  #socketOnData(chunk: Buffer): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#timer.refresh();
    this.#walker.feed(chunk);
    this.#walk();
    this.#walker.keepRest();
  }

  #socketOnDrain(): void {
    this.#side?.drained();
    this.#walkSoon();
  }

  #socketOnEnd(): void {
    this.#peerEnded = true;
    this.#walk();
  }

  /** Passes on what may pass; reads on, pauses, or ends accordingly. */
  #walk(): void {
    if (this.#walking) return;
    this.#walking = true;
    try {
      this.#walkFrames();
    } catch (error) {
      this.end("internal", error);
    } finally {
      this.#walking = false;
    }
  }

  #walkFrames(): void {
    const walker = this.#walker;
    const timestamp = this.#context.admission.now();
    let exhausted = false;
    this.#pace?.refill();
    while (!exhausted && this.#mayWalk()) {
      if (walker.next()) this.#pass(walker, timestamp);
      else exhausted = true;
    }
    if (exhausted) this.#lastWords ??= walker.breach ?? (this.#peerEnded ? "lost" : null);
    this.#endWhenAcknowledged();
    if (this.#state === "closed") return;
    if (!exhausted && this.#flow.isReading && this.#messages.isFull) this.#context.report.behind();
    // The silence of a socket that was not read is ours.
    if (exhausted && !this.#flow.isReading && this.#state === "open") this.#timer.refresh();
    this.#flow.read(exhausted);
  }

  /** Not at once: acknowledgements that were written in this turn are still on their way to the socket. */
  #endWhenAcknowledged(): void {
    const reason = this.#lastWords;
    if (reason !== null && this.#messages.size === 0 && this.#waits === 0) setImmediate(() => this.end(reason));
  }

  #mayWalk(): boolean {
    if (this.#lastWords !== null) return false;
    if (this.#state === "greeting") return true;
    return (
      this.#state === "open" &&
      !this.#messages.isFull &&
      this.#waits === 0 &&
      !this.#flow.isBlocked &&
      (this.#pace === null || this.#pace.mayPass())
    );
  }

  #pass(walker: MqttFrameWalker, timestamp: number): void {
    switch (walker.type) {
      case MQTT_TYPE.publish:
        return this.#publish(walker, timestamp);
      case MQTT_TYPE.pingreq:
        return this.#flow.write(PINGRESP);
      case MQTT_TYPE.disconnect:
        this.#lastWords = "disconnected";
        return;
      case MQTT_TYPE.connect:
        this.#state = "joining";
        this.#join(walker.connect).catch((error: unknown) => this.end("internal", error));
        return;
      default: {
        this.#lastWords = this.#side === null ? "internal" : this.#side.pass(walker);
      }
    }
  }

  #publish(walker: MqttFrameWalker, timestamp: number): void {
    if (!walker.isTopicRepeated) {
      const topic = walker.topic();
      this.#origin = this.#device?.originOf(topic) ?? null;
      this.#isAside = this.#device?.acl.isAside(topic) === true;
    }
    this.#pace?.spend(walker.end - walker.payloadStart);
    if (this.#origin !== null) {
      if (walker.qos === 2) this.#publishOnce(this.#origin, walker, timestamp);
      else this.#messages.take(this.#origin, walker, timestamp, this.#isHeard(this.#origin));
    } else if (this.#isAside) {
      this.#context.report.dropped();
      if (walker.qos === 2) this.#side?.received.begin(walker.packetId, NO_ADMISSION_ID);
      this.#messages.skip(walker);
    } else {
      this.#lastWords = "publish-topic";
    }
  }

  /** QoS 2 (4.3.3). */
  #publishOnce(origin: MessageOrigin, walker: MqttFrameWalker, timestamp: number): void {
    const { admission, limits } = this.#context;
    const received = this.#side?.received;
    if (received === undefined || received.size >= limits.unacknowledgedPerConnectionMax) {
      this.#lastWords = "receive-maximum";
      return;
    }
    const step = received.begin(walker.packetId, admission.newAdmissionId);
    if (step === "again") return this.#messages.skip(walker);
    if (step === "new") return this.#messages.take(origin, walker, timestamp, this.#isHeard(origin));
    const message = copyOf(walker);
    const taken = step.then((admissionId) => {
      if (this.#state !== "open") return;
      this.#messages.take(origin.withAdmissionId(admissionId), message, timestamp, this.#isHeard(origin));
    });
    this.#wait(taken);
  }

  #isHeard({ key }: MessageOrigin): boolean {
    const { sessions, link } = this.#context;
    return sessions.index.has(key) || link.isAsked(key);
  }

  /** Walks on when this has resolved. */
  #wait(work: Promise<void>): void {
    this.#waits += 1;
    work
      .catch((error: unknown) => this.end("session-store", error))
      .finally(() => {
        this.#waits -= 1;
        this.#walkSoon();
      });
  }

  async #join(connect: MqttConnect | null): Promise<void> {
    if (connect === null) return this.end("internal");
    const { limits, table, connect: steps } = this.#context;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end("authenticate-timeout"), limits.authenticateTimeoutMs);
    let revocations: number;
    let device: ConnectedDevice | RefusalReason;
    do {
      revocations = steps.gate.revocations;
      device = await identifyDevice(connect, steps);
      if (this.#state !== "joining") return;
    } while (revocations !== steps.gate.revocations);
    if (typeof device === "string") return this.end(device);
    const refusal = table.claim(this, device.key, device.client);
    if (refusal !== null) return this.end(refusal);
    this.#device = device;
    this.#pace = this.#context.rates.paceOf(device.key, () => this.#walk());
    // Of a client whose id the edge made there can be no other connection.
    if (device.named) this.#claim = this.#context.link.claim(device.client);
    if (this.#claim !== null && this.#claim.heard !== null) {
      await this.#claim.heard;
      if (this.#isOver()) return;
    }
    const isPresent = await this.#joinSession(device, connect.clean);
    if (isPresent === null) return;
    this.#will = connect.will;
    this.#keepAliveMs = keepAliveMs(connect.keepAliveSeconds, limits.keepAliveSecondsMax);
    this.#state = "open";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#timerOnKeepAlive(), this.#keepAliveMs);
    this.write(isPresent ? CONNACK_PRESENT : CONNACK_ACCEPTED);
    this.#side?.opened();
    this.#walkSoon();
  }

  /** Whether there was a session; null when the connection has ended. */
  async #joinSession(device: ConnectedDevice, clean: boolean): Promise<boolean | null> {
    const { sessions, report, limits } = this.#context;
    const joining = sessions.join(device.client, clean, this);
    const joined = joining === null ? null : await joining.catch((error: unknown) => this.end("session-store", error));
    if (joined === undefined || typeof joined === "string") {
      if (joined !== undefined) this.end(joined);
      return null;
    }
    this.#side = new SessionSide(device, this, joined, {
      sessions,
      filtersMax: limits.filtersPerConnectionMax,
      onRefused: (reason) => report.filterRefused(reason, this.#subject()),
    });
    if (!this.#isOver()) return joined?.isPresent === true;
    this.#left = this.#side.end();
    return null;
  }

  #isOver(): boolean {
    return this.#state !== "joining";
  }

  #messagesLanded(answers: Buffer, routed: readonly RoutedMessage[]): void {
    const kept: Promise<void>[] = [];
    for (const message of routed) {
      const wait = this.#device && this.#context.route(this.#device.key, this.#device.acl.telemetryTopic, message);
      if (wait !== null) kept.push(wait);
    }
    if (kept.length > 0 || this.#answering !== null) this.#answerBehind(kept, answers);
    else if (answers.length > 0) this.write(answers);
    if (!this.#flow.isReading || this.#lastWords !== null) this.#walkSoon();
  }

  /** In order, although stores answer in any. */
  #answerBehind(kept: readonly Promise<void>[], answers: Buffer): void {
    const before = this.#answering;
    const answering = Promise.all([before, ...kept]).then(() => {
      if (answers.length > 0) this.write(answers);
      if (this.#answering === answering) this.#answering = null;
    });
    this.#answering = answering;
    this.#wait(answering);
  }

  /** A device whose message the log refuses comes back at once and sends it again: a while of silence spares both. */
  #appendFailed(error: unknown): void {
    if (this.#state === "closed") return;
    if (!isMillraceError(error) || error.retry !== "later") return this.end("append-failed", error);
    this.#state = "holding";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end("append-failed", error), this.#context.limits.refusalHoldMs);
    this.#flow.read(false);
  }

  write(bytes: Buffer): void {
    if (this.#state !== "closed") this.#flow.write(bytes);
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  /** Takes no more packets, and ends as soon as all that were taken are acknowledged. */
  drain(): void {
    if (this.#state !== "open") return this.end("stopping");
    this.#lastWords ??= "stopping";
    this.#walkSoon();
  }

  /** Resolves when the log has answered for all that was taken, and the session knows of the end. */
  async settled(): Promise<void> {
    await Promise.all([this.#messages.settled(), this.#left]);
  }

  end(reason: RefusalReason | PlainEnd, cause?: unknown): void {
    if (this.#state === "closed") return;
    const unanswered = this.#state === "greeting" || this.#state === "joining";
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#context.table.leave(this);
    this.#claim?.end();
    if (this.#side !== null) this.#left = this.#side.end();
    this.#pace?.end();
    if (reason !== "disconnected" && reason !== "lost" && reason !== "stopping") {
      this.#context.report.refused(reason, this.#subject(), cause);
    }
    closeSocket(this.#socket, reason, unanswered, this.#context.limits.closeLingerMs);
    publishWill(this.#will, this.#device, reason, this.#context.admitWill);
  }

  #timerOnKeepAlive(): void {
    // What the peer has sent meanwhile is not read while the log is behind: that is our silence, not its own.
    if (!this.#flow.isReading) this.#timer.refresh();
    else this.end("keep-alive");
  }

  /** In the next turn, so that all acknowledgements of one commit make one walk. */
  #walkSoon(): void {
    if (this.#walkDue) return;
    this.#walkDue = true;
    process.nextTick(() => {
      this.#walkDue = false;
      if (this.#state !== "closed") this.#walk();
    });
  }

  #subject(): { remote: string; key?: string; clientId?: string } {
    if (this.#device === null) return { remote: this.#remote };
    return { remote: this.#remote, key: this.#device.key, clientId: this.#device.clientId };
  }
}

const NO_ADMISSION_ID = (): string => "";

/** What a walker has found, apart from the bytes that are read next. */
function copyOf({ qos, dup, retain, packetId, source, payloadStart, end }: MessageView): MessageView {
  const payload = Buffer.from(source.subarray(payloadStart, end));
  return { qos, dup, retain, packetId, source: payload, payloadStart: 0, end: payload.length };
}
