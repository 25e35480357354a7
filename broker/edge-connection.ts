import { isMillraceError } from "../core/errors.ts";
import type { MqttConnect, MqttWill } from "../wire/mqtt-connect.ts";
import { CONNACK_ACCEPTED, PINGRESP } from "../wire/mqtt-answers.ts";
import { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../wire/mqtt-header.ts";
import { closeSocket } from "./close-socket.ts";
import type { ConnectionState } from "./connection-state.ts";
import { type ConnectionPresence, createConnectionPresence } from "./connection-presence.ts";
import { identifyDevice, keepAliveMs } from "./connect-steps.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { EngineSide } from "./engine-side.ts";
import { publishWill } from "./last-will.ts";
import type { RoutedMessage } from "./gateway-link.ts";
import type { MessageOrigin } from "./message-origin.ts";
import { MessageWindow } from "./message-window.ts";
import type { EngineConnection } from "./mqtt-engine.ts";
import type { PublishPace } from "./publish-pace.ts";
import { readIntoShared } from "./shared-read-buffer.ts";
import { SocketFlow } from "./socket-flow.ts";
import type { PlainEnd, RefusalReason } from "./refusals.ts";

/**
 * One socket: bytes → walker → CONNECT: authenticate, join the table; PUBLISH: admission → acknowledgement; PINGREQ: answer; what has to do
 * with subscriptions: aedes, which knows nothing of the connection before. Nothing is walked while messages wait for the log as far as
 * `unacknowledgedPerConnectionMax` lets them, nor while the peer does not read what it is sent or is too fast: then the socket is not read.
 */
export class EdgeConnection implements EngineConnection {
  readonly engineId: string;
  readonly #socket: EdgeSocket;
  readonly #flow: SocketFlow;
  readonly #context: EdgeContext;
  readonly #walker: MqttFrameWalker;
  readonly #messages: MessageWindow;
  readonly #remote: string;
  #state: ConnectionState = "greeting";
  #timer: NodeJS.Timeout;
  #keepAliveMs = 0;
  readonly #engine: EngineSide;
  #device: ConnectedDevice | null = null;
  #presence: ConnectionPresence | null = null;
  #pace: PublishPace | null = null;
  #will: MqttWill | null = null;
  /** Of the topic that was published to last: where it leads. */
  #origin: MessageOrigin | null = null;
  #isAside = false;
  #walking = false;
  #walkDue = false;
  /** Set when nothing more will be walked: how to end once what was passed on is acknowledged. */
  #lastWords: RefusalReason | PlainEnd | null = null;
  #peerEnded = false;

  constructor(socket: EdgeSocket, number: number, context: EdgeContext) {
    this.#socket = socket;
    this.#flow = new SocketFlow(socket);
    this.#context = context;
    this.#remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.engineId = `connection/${number}`;
    this.#walker = new MqttFrameWalker(context.limits);
    this.#messages = new MessageWindow(context.admission, context.limits, {
      messagesLanded: (pubacks, routed) => this.#messagesLanded(pubacks, routed),
      messageFailed: (error) => this.#appendFailed(error),
    });
    const { engine, limits } = context;
    this.#engine = new EngineSide(this, { engine, socket, queueBytesMax: limits.subscriberQueueBytesMax });
    this.#timer = setTimeout(() => this.end("connect-timeout"), context.limits.connectTimeoutMs);
    readIntoShared(socket, (bytes) => this.#socketOnData(bytes));
    socket.on("end", () => this.#socketOnEnd());
    socket.on("drain", () => this.#walkSoon());
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
    this.#pace?.begin();
    while (!exhausted && this.#mayWalk()) {
      if (walker.next()) this.#pass(walker, timestamp);
      else exhausted = true;
    }
    this.#pace?.settle();
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
    if (reason !== null && this.#messages.size === 0) setImmediate(() => this.end(reason));
  }

  #mayWalk(): boolean {
    if (this.#lastWords !== null) return false;
    if (this.#state === "greeting") return true;
    return (
      this.#state === "open" &&
      !this.#messages.isFull &&
      !this.#engine.isJoining &&
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
      default:
        this.#lastWords = this.#presence === null ? "internal" : this.#engine.pass(walker, this.#presence);
    }
  }

  #publish(walker: MqttFrameWalker, timestamp: number): void {
    if (walker.qos === 2) {
      this.#lastWords = "publish-qos-2";
      return;
    }
    if (!walker.isTopicRepeated) {
      const topic = walker.topic();
      this.#origin = this.#device?.originOf(topic) ?? null;
      this.#isAside = this.#device?.acl.isAside(topic) === true;
    }
    this.#pace?.spend(walker.end - walker.payloadStart);
    if (this.#origin !== null) {
      this.#messages.take(this.#origin, walker, timestamp, this.#presence?.isHeard === true);
    } else if (this.#isAside) {
      this.#context.report.dropped();
      this.#messages.skip(walker.packetId);
    } else {
      this.#lastWords = "publish-topic";
    }
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
    this.#presence = createConnectionPresence(device, this.#context.presence);
    if (this.#presence.alone !== null) {
      await this.#presence.alone;
      if (this.#state !== "joining") return;
    }
    this.#will = connect.will;
    this.#keepAliveMs = keepAliveMs(connect.keepAliveSeconds, limits.keepAliveSecondsMax);
    this.#state = "open";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#timerOnKeepAlive(), this.#keepAliveMs);
    this.#flow.write(CONNACK_ACCEPTED);
    this.#walkSoon();
  }

  engineReady(): void {
    this.#engine.isJoining = false;
    this.#walkSoon();
  }

  #messagesLanded(pubacks: Buffer, routed: readonly RoutedMessage[]): void {
    if (pubacks.length > 0 && this.#state !== "closed") this.#flow.write(pubacks);
    for (const message of routed) {
      if (this.#device !== null) this.#context.route(this.#device.key, this.#device.acl.telemetryTopic, message);
    }
    if (!this.#flow.isReading || this.#lastWords !== null) this.#walkSoon();
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

  maySubscribe(filter: string): boolean {
    return this.#device?.acl.maySubscribe(filter) === true;
  }

  mayReceive(topic: string): boolean {
    if (this.#state !== "open" || this.#device?.acl.mayReceive(topic) !== true) return false;
    const queued = this.#socket.writableLength + this.#engine.queuedBytes;
    if (queued <= this.#context.limits.subscriberQueueBytesMax) return true;
    this.end("subscriber-slow");
    return false;
  }

  /** Takes no more packets, and ends as soon as all that were taken are acknowledged. */
  drain(): void {
    if (this.#state !== "open") return this.end("stopping");
    this.#lastWords ??= "stopping";
    this.#walkSoon();
  }

  /** Resolves when the log has answered for all that was taken. */
  settled(): Promise<void> {
    return this.#messages.settled();
  }

  end(reason: RefusalReason | PlainEnd, cause?: unknown): void {
    if (this.#state === "closed") return;
    const unanswered = this.#state === "greeting" || this.#state === "joining";
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#context.table.leave(this);
    this.#presence?.end();
    this.#pace?.end();
    if (reason !== "disconnected" && reason !== "lost" && reason !== "stopping") {
      this.#context.report.refused(reason, this.#subject(), cause);
    }
    this.#engine.destroy();
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
