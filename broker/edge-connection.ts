import type { Duplex } from "node:stream";
import type { PublishPacket } from "aedes";
import { isMillraceError } from "../core/errors.ts";
import type { MqttConnect, MqttWill } from "../wire/mqtt-connect.ts";
import { createMqttFrameWalker, MQTT_TYPE, type MqttFrame, type MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { closeSocket } from "./close-socket.ts";
import { type ConnectionPresence, createConnectionPresence } from "./connection-presence.ts";
import { identifyDevice } from "./connect-steps.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { FrameBatch } from "./frame-batch.ts";
import { createFrameStream } from "./frame-stream.ts";
import { MessageWindow, type MessageWindowOutcomes } from "./message-window.ts";
import type { EngineConnection } from "./mqtt-engine.ts";
import type { RefusalReason } from "./refusals.ts";

/**
 * - `greeting`: waiting for CONNECT;
 * - `joining`: CONNECT is being authenticated, then answered by aedes;
 * - `open`: packets pass;
 * - `holding`: the log refused a message: nothing is read until the connection is closed;
 * - `closed`: ended, though the socket may still be flushing.
 */
type State = "greeting" | "joining" | "open" | "holding" | "closed";

/** Ends that are no refusal: the client said goodbye, or its socket is gone. */
type PlainEnd = "disconnected" | "lost";

/**
 * One socket: bytes → walker → (CONNECT: authenticate, join the table) → whole packets to aedes → admission → acknowledgement.
 * Packets are passed on only while fewer than `unacknowledgedPerConnectionMax` messages wait for the log and the peer reads what
 * it is sent; otherwise the socket is not read.
 */
export class EdgeConnection implements EngineConnection {
  readonly engineId: string;
  readonly #socket: EdgeSocket;
  readonly #context: EdgeContext;
  readonly #walker: MqttFrameWalker;
  readonly #messages: MessageWindow;
  readonly #remote: string;
  #state: State = "greeting";
  #timer: NodeJS.Timeout;
  #keepAliveMs = 0;
  #stream: Duplex | null = null;
  #device: ConnectedDevice | null = null;
  #presence: ConnectionPresence | null = null;
  #will: MqttWill | null = null;
  #walking = false;
  #walkDue = false;
  /** Set when nothing more will be walked: how to end once what was passed on is acknowledged. */
  #lastWords: RefusalReason | PlainEnd | null = null;
  #peerEnded = false;

  constructor(socket: EdgeSocket, number: number, context: EdgeContext) {
    this.#socket = socket;
    this.#context = context;
    this.#remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.engineId = `connection/${number}`;
    this.#walker = createMqttFrameWalker(context.limits);
    this.#messages = new MessageWindow(context.admission, this.#messageOutcomes());
    this.#timer = setTimeout(() => this.end("connect-timeout"), context.limits.connectTimeoutMs);
    socket.on("data", (chunk: Buffer) => this.#socketOnData(chunk));
    socket.on("end", () => this.#socketOnEnd());
    socket.on("drain", () => this.#walkSoon());
    // A reset is followed by "close", where it is dealt with.
    socket.on("error", () => this.end("lost"));
    socket.on("close", () => this.end("lost"));
  }

  get greeting(): boolean {
    return this.#state === "greeting";
  }

  #socketOnData(chunk: Buffer): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#timer.refresh();
    this.#walker.feed(chunk);
    this.#walk();
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
    const batch = new FrameBatch();
    let exhausted = false;
    while (this.#mayWalk() && !exhausted) {
      const found = this.#walker.next();
      if (found === null) exhausted = true;
      else if (typeof found === "string") this.#lastWords = found;
      else this.#pass(found, batch);
    }
    if (this.#stream !== null && this.#state === "open") batch.pushTo(this.#stream);
    if (exhausted && this.#peerEnded) this.#lastWords ??= "lost";
    this.#endWhenAcknowledged();
    if (this.#state === "closed") return;
    if (exhausted) this.#socket.resume();
    else this.#socket.pause();
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
      this.#messages.size < this.#context.limits.unacknowledgedPerConnectionMax &&
      !this.#socket.writableNeedDrain
    );
  }

  #pass(frame: MqttFrame, batch: FrameBatch): void {
    if (frame.connect !== null) {
      this.#state = "joining";
      this.#join(frame.connect, frame).catch((error: unknown) => this.end("internal", error));
    } else if (frame.type === MQTT_TYPE.disconnect) {
      this.#lastWords = "disconnected";
    } else if (frame.qos === 2) {
      this.#lastWords = "publish-qos-2";
    } else {
      if (frame.type === MQTT_TYPE.publish) this.#messages.expect();
      batch.add(frame);
    }
  }

  async #join(connect: MqttConnect, frame: MqttFrame): Promise<void> {
    const { limits, table, engine, connect: steps } = this.#context;
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
    this.#presence = createConnectionPresence(device, this.#context.presence);
    if (this.#presence.alone !== null) {
      await this.#presence.alone;
      if (this.#state !== "joining") return;
    }
    this.#will = connect.will;
    this.#keepAliveMs = keepAliveMs(connect.keepAliveSeconds, limits.keepAliveSecondsMax);
    this.#stream = createFrameStream(this.#socket, limits.subscriberQueueBytesMax, (error) =>
      this.end("protocol", error),
    );
    engine.attach(this, this.#stream);
    const batch = new FrameBatch();
    batch.add(frame);
    batch.pushTo(this.#stream);
  }

  engineReady(): void {
    if (this.#state !== "joining") return;
    this.#state = "open";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#timerOnKeepAlive(), this.#keepAliveMs);
    this.#walkSoon();
  }

  publish(packet: PublishPacket, acknowledge: () => void): void {
    if (this.#state === "closed" || this.#device === null) return;
    this.#messages.take(this.#device, packet, acknowledge);
  }

  #messageOutcomes(): MessageWindowOutcomes {
    return {
      messageAcknowledged: (routed) => {
        if (routed !== null) this.#presence?.forward(routed);
        if (this.#socket.isPaused() || this.#lastWords !== null) this.#walkSoon();
      },
      messageDropped: () => this.#context.report.dropped(),
      messageForbidden: () => setImmediate(() => this.end("publish-topic")),
      messageFailed: (error) => this.#appendFailed(error),
      engineThrew: (error) => this.end("internal", error),
    };
  }

  /** A device whose message the log refuses comes back at once and sends it again: a while of silence spares both. */
  #appendFailed(error: unknown): void {
    if (this.#state === "closed") return;
    if (!isMillraceError(error) || error.retry !== "later") return this.end("append-failed", error);
    this.#state = "holding";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end("append-failed", error), this.#context.limits.refusalHoldMs);
    this.#socket.pause();
  }

  subscribe(filter: string): RefusalReason | null {
    return this.#presence === null ? "subscribe-filter" : this.#presence.subscribe(filter);
  }

  unsubscribed(filters: readonly string[]): void {
    this.#presence?.unsubscribe(filters);
  }

  mayReceive(topic: string): boolean {
    if (this.#state !== "open" || this.#device?.acl.mayReceive(topic) !== true) return false;
    const queued = this.#socket.writableLength + (this.#stream?.writableLength ?? 0);
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
    const unanswered = this.#state === "greeting" || (this.#state === "joining" && this.#stream === null);
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#context.table.leave(this);
    this.#presence?.end();
    if (reason !== "disconnected" && reason !== "lost" && reason !== "stopping") {
      this.#context.report.refused(reason, this.#subject(), cause);
    }
    this.#stream?.destroy();
    closeSocket(this.#socket, reason, unanswered, this.#context.limits.closeLingerMs);
    this.#publishWill(reason);
  }

  /**
   * A will is published unless the client said goodbye [MQTT-3.1.2-8, 3.14.4-3]. Not for a revoked credential, which may say nothing
   * any more, nor when the broker stops: the device did not fail (3.1.2.5 lets a server that shuts down defer it).
   */
  #publishWill(reason: RefusalReason | PlainEnd): void {
    if (this.#will === null || this.#device === null) return;
    if (reason === "disconnected" || reason === "revoked" || reason === "stopping") return;
    const origin = this.#device.originOf(this.#will.topic);
    if (origin !== null) this.#context.admitWill(origin, this.#will, this.#device.acl.telemetryTopic);
  }

  #timerOnKeepAlive(): void {
    // What the peer has sent meanwhile is not read while the log is behind: that is our silence, not its own.
    if (this.#socket.isPaused()) this.#timer.refresh();
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

/** One and a half keep-alives [MQTT-3.1.2-24]. A client that asks for none or too long gets ours: 3.1.2.10 allows it. */
function keepAliveMs(requestedSeconds: number, secondsMax: number): number {
  return Math.min(requestedSeconds === 0 ? secondsMax : requestedSeconds, secondsMax) * 1500;
}
