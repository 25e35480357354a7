import { isMillraceError } from "../core/errors.ts";
import type { MqttConnect, MqttWill } from "../wire/mqtt-connect.ts";
import { CONNACK_ACCEPTED, CONNACK_PRESENT, PINGRESP } from "../wire/mqtt-answers.ts";
import { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../wire/mqtt-header.ts";
import { closeSocket } from "./close-socket.ts";
import type { ConnectionState } from "./connection-state.ts";
import { identifyDevice, keepAliveMs, willRefusal } from "./connect-steps.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import { subjectOf } from "./edge-report.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import type { Peer } from "./identify-principal.ts";
import { KeepAlive, type KeptAlive } from "./keep-alive.ts";
import { publishWill } from "./last-will.ts";
import type { Announcement } from "./gateway-link.ts";
import type { PublishPace } from "./publish-pace.ts";
import { PublishSide, type PublishSideOwner } from "./publish-side.ts";
import { type ByteReader, readIntoShared } from "./shared-read-buffer.ts";
import type { SessionPeer } from "./session/deliveries.ts";
import { SessionSide } from "./session/session-side.ts";
import { SocketFlow } from "./socket-flow.ts";
import type { FilterRefusal, PlainEnd, RefusalReason } from "./refusals.ts";

/**
 * One socket: bytes → walker → CONNECT: authenticate, join the table; PUBLISH: admission → acknowledgement; PINGREQ: answer; what has to do
 * with subscriptions and QoS 2: the session. Nothing is walked while messages wait for the log as far as
 * `unacknowledgedPerConnectionMax` lets them, nor while the peer does not read what it is sent or is too fast: then the socket is not read.
 */
export class EdgeConnection implements ByteReader, KeptAlive, SessionPeer, PublishSideOwner {
  readonly #id: string;
  readonly #socket: EdgeSocket;
  readonly #flow: SocketFlow;
  readonly #context: EdgeContext;
  readonly #peer: Peer;
  readonly #walker: MqttFrameWalker;
  readonly #publishing: PublishSide;
  #state: ConnectionState = "greeting";
  /** Until the connection is open. */
  #timer: NodeJS.Timeout;
  readonly #keepAlive: KeepAlive;
  #device: ConnectedDevice | null = null;
  #side: SessionSide | null = null;
  #claim: Announcement | null = null;
  #pace: PublishPace | null = null;
  #will: MqttWill | null = null;
  #left: Promise<unknown> | null = null;
  #walking = false;
  #walkDue = false;
  /** Set when nothing more will be walked: how to end once what was passed on is acknowledged. */
  #lastWords: RefusalReason | PlainEnd | null = null;
  #peerEnded = false;

  constructor(socket: EdgeSocket, peer: Peer, context: EdgeContext) {
    this.#id = context.newConnectionId();
    this.#socket = socket;
    this.#flow = new SocketFlow(socket);
    this.#context = context;
    this.#peer = peer;
    this.#walker = new MqttFrameWalker(context.limits, context.topics);
    this.#publishing = new PublishSide(context, this);
    this.#timer = setTimeout(() => this.end("connect-timeout"), context.limits.connectTimeoutMs);
    this.#keepAlive = new KeepAlive(context.nowMs, this.#flow, this);
    readIntoShared(socket, this);
    socket.on("end", () => this.#socketOnEnd());
    socket.on("drain", () => this.#socketOnDrain());
    // A reset is followed by "close", where it is dealt with.
    for (const lost of ["error", "close"]) socket.on(lost, () => this.end("lost"));
  }

  get network(): string {
    return this.#peer.network;
  }

  get greeting(): boolean {
    return this.#state === "greeting";
  }

  read(bytes: Buffer, length: number): void {
    if (this.#state === "closed") return;
    this.#keepAlive.heard();
    this.#walker.feed(bytes, length);
    this.#walk();
    this.#walker.keepRest();
  }

  #socketOnDrain(): void {
    this.#keepAlive.drained();
    this.#flow.drained();
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
    this.#pace?.begin();
    while (!exhausted && this.#mayWalk()) {
      if (walker.next()) this.#pass(walker, timestamp);
      else exhausted = true;
    }
    this.#pace?.settle();
    if (exhausted) this.#lastWords ??= walker.breach ?? (this.#peerEnded ? "lost" : null);
    this.#endWhenAcknowledged();
    if (this.#state === "closed") return;
    if (!exhausted && this.#flow.isReading && this.#publishing.isFull) this.#context.report.behind();
    this.#keepAlive.reads(exhausted);
    this.#flow.read(exhausted);
  }

  /** Not at once: acknowledgements that were written in this turn are still on their way to the socket. */
  #endWhenAcknowledged(): void {
    const reason = this.#publishing.refusal ?? this.#lastWords;
    if (reason !== null && this.#publishing.isSettled) setImmediate(() => this.end(reason));
  }

  #mayWalk(): boolean {
    if (this.#lastWords !== null) return false;
    if (this.#state === "greeting") return true;
    return (
      this.#state === "open" &&
      this.#publishing.mayPass &&
      this.#side?.mayPass !== false &&
      !this.#flow.isBlocked &&
      (this.#pace === null || this.#pace.mayPass())
    );
  }

  #pass(walker: MqttFrameWalker, timestamp: number): void {
    switch (walker.type) {
      case MQTT_TYPE.publish:
        this.#pace?.spend(walker.end - walker.payloadStart);
        this.#lastWords = this.#publishing.pass(walker, timestamp);
        return;
      case MQTT_TYPE.pingreq:
        return this.#flow.write(PINGRESP);
      case MQTT_TYPE.disconnect:
        // Here, not at the end: the connection may be lost before all that came in front is acknowledged.
        this.#will = null;
        this.#lastWords = "disconnected";
        return;
      case MQTT_TYPE.connect:
        this.#state = "joining";
        this.#join(walker.connect).catch((error: unknown) => this.end("internal", error));
        return;
      default:
        this.#lastWords = this.#side === null ? "internal" : this.#side.pass(walker);
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
      device = await identifyDevice(connect, this.#peer, steps);
      if (this.#state !== "joining") return;
    } while (revocations !== steps.gate.revocations);
    if (typeof device === "string") return this.end(device);
    this.#device = device;
    const refusal = willRefusal(device, connect) ?? table.claim(this, device.key, device.client);
    if (refusal !== null) return this.end(refusal);
    this.#pace = this.#context.rates.paceOf(device.key, () => this.#walk());
    // Of a client whose id the edge made there can be no other connection.
    if (device.named) this.#claim = this.#context.link.claim(device.client);
    if (this.#claim !== null && this.#claim.heard !== null) {
      await this.#claim.heard;
      if (this.isEnded) return;
    }
    const joining = this.#joinSession(device, connect.clean);
    this.#left = joining;
    const isPresent = await joining;
    if (isPresent === null || this.isEnded) return;
    this.#will = connect.will;
    this.#context.wills.forget(device.client);
    this.#state = "open";
    clearTimeout(this.#timer);
    this.#keepAlive.start(keepAliveMs(connect.keepAliveSeconds, limits.keepAliveSecondsMax));
    this.answer(isPresent ? CONNACK_PRESENT : CONNACK_ACCEPTED);
    this.#side?.opened();
    this.#context.report.joined(subjectOf(this.#id, this.#socket, device));
    this.#walkSoon();
  }

  /** Whether there was a session; null when the connection has ended. */
  async #joinSession(device: ConnectedDevice, clean: boolean): Promise<boolean | null> {
    const { sessions } = this.#context;
    const joining = sessions.join(device.client, clean, this);
    const joined = joining === null ? null : await joining.catch((error: unknown) => this.end("session-store", error));
    if (joined === undefined || typeof joined === "string") {
      if (joined !== undefined) this.end(joined);
      return null;
    }
    this.#side = new SessionSide(device, this, joined, this.#context);
    this.#publishing.begin(device, this.#side.received);
    if (!this.isEnded) return joined?.isPresent === true;
    await this.#side.end(this.#publishing.settled());
    return null;
  }

  get isEnded(): boolean {
    return this.#state === "closed";
  }
  get isOpen(): boolean {
    return this.#state === "open";
  }
  resume(): void {
    if (!this.#flow.isReading || this.#lastWords !== null || this.#publishing.refusal !== null) this.#walkSoon();
  }

  /** A device whose message the log refuses comes back at once and sends it again: a while of silence spares both. */
  appendFailed(error: unknown): void {
    if (this.#state === "closed") return;
    if (!isMillraceError(error) || error.retry !== "later") return this.end("append-failed", error);
    this.#state = "holding";
    clearTimeout(this.#timer);
    this.#keepAlive.stop();
    this.#timer = setTimeout(() => this.end("append-failed", error), this.#context.limits.refusalHoldMs);
    this.#flow.read(false);
  }

  answer(bytes: Buffer): void {
    if (this.#state !== "closed") this.#flow.write(bytes);
  }

  write(bytes: Buffer): void {
    if (this.#state !== "closed") this.#flow.writeSoon(bytes);
  }

  filterRefused(reason: FilterRefusal): void {
    this.#context.report.filterRefused(reason, subjectOf(this.#id, this.#socket, this.#device ?? this.#peer));
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
    await Promise.all([this.#publishing.settled(), this.#left]);
  }

  end(reason: RefusalReason | PlainEnd, cause?: unknown): void {
    if (this.#state === "closed") return;
    const unanswered = this.#state === "greeting" || this.#state === "joining";
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#keepAlive.stop();
    this.#context.table.leave(this);
    this.#claim?.end();
    if (this.#side !== null) this.#left = this.#side.end(this.#publishing.settled());
    this.#pace?.end();
    if (reason !== "disconnected" && reason !== "lost" && reason !== "stopping") {
      this.#context.report.refused(reason, subjectOf(this.#id, this.#socket, this.#device ?? this.#peer), cause);
    }
    closeSocket(this.#socket, reason, unanswered, this.#context.limits.closeLingerMs);
    publishWill(this.#will, this.#device, reason, this.#context.wills);
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
}
