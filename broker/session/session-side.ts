import { isMillraceError } from "../../core/errors.ts";
import { ANSWER, encodeAnswer, encodeSuback, SUBACK_FAILURE, type SubackCode } from "../../wire/mqtt-answers.ts";
import { filtersOf, type RequestedFilter } from "../../wire/mqtt-body-checks.ts";
import type { MqttFrameWalker } from "../../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../../wire/mqtt-header.ts";
import type { ConnectedDevice } from "../connected-device.ts";
import type { EdgeContext } from "../edge-context.ts";
import type { FilterRefusal, RefusalReason } from "../refusals.ts";
import type { SessionPeer } from "./deliveries.ts";
import { type ReceivedKeeper, ReceivedIds } from "./received-ids.ts";
import type { Session } from "./session.ts";
import type { JoinedSession, Sessions } from "./sessions.ts";
import { sharedFilterOf } from "./shared-filter.ts";

type SessionDevice = Pick<ConnectedDevice, "client" | "acl">;
type SessionSideContext = Pick<EdgeContext, "sessions" | "limits">;

/** The part of a connection that has to do with its session: subscriptions, what is delivered, and QoS 2 in both directions. */
export class SessionSide {
  readonly received: ReceivedIds;
  readonly #device: SessionDevice;
  readonly #peer: SessionPeer;
  readonly #context: SessionSideContext;
  /** The client may still answer what it got before this connection. */
  readonly #isResumed: boolean;
  #session: Session | null;
  /** SUBSCRIBE, UNSUBSCRIBE and PUBREL that a store, or another gateway, has to answer. */
  #waits = 0;

  /** `joined` is null for a session that ends with the connection: it begins with the first SUBSCRIBE. */
  constructor(device: SessionDevice, peer: SessionPeer, joined: JoinedSession | null, context: SessionSideContext) {
    this.#device = device;
    this.#peer = peer;
    this.#context = context;
    this.#session = joined?.session ?? null;
    this.#isResumed = joined?.isPresent === true;
    this.received = new ReceivedIds(keeperOf(peer, joined, context.sessions));
  }

  /** Each of these packets may be a write, and SUBSCRIBE asks for retained messages: a flood must not become a pile of them. */
  get mayPass(): boolean {
    return this.#waits < this.#context.limits.answersWaitingMax;
  }

  /** Takes any packet that is not CONNECT, PUBLISH, PINGREQ or DISCONNECT; null when it is in order. */
  pass(packet: MqttFrameWalker): RefusalReason | null {
    const { type, packetId } = packet;
    if (type === MQTT_TYPE.subscribe) return this.#subscribe(packet);
    if (type === MQTT_TYPE.unsubscribe) return this.#unsubscribe(packet);
    if (type === MQTT_TYPE.pubrel) return this.#release(packetId);
    const deliveries = this.#session?.deliveries;
    const isKnown =
      (type === MQTT_TYPE.puback && deliveries?.acknowledged(packetId)) ||
      (type === MQTT_TYPE.pubrec && deliveries?.received(packetId)) ||
      (type === MQTT_TYPE.pubcomp && deliveries?.completed(packetId));
    return isKnown === true || this.#isResumed ? null : "packet-unsolicited";
  }

  /** The client has its CONNACK. */
  opened(): void {
    this.#session?.open();
  }

  /** The client reads again what it is sent. */
  drained(): void {
    this.#session?.poke();
  }

  /**
   * The connection is over, but for messages of it that wait for the log until `settled`. Resolves when the session has taken note;
   * never rejects.
   */
  end(settled: Promise<void>): Promise<void> {
    if (this.#session === null) return Promise.resolve();
    this.#session.settled = settled;
    return this.#context.sessions.leave(this.#session, this.#peer);
  }

  /** A subscription counts at once for what comes behind it; its SUBACK may take longer. */
  #subscribe({ source, body, end, packetId }: MqttFrameWalker): null {
    const { sessions } = this.#context;
    const session = (this.#session ??= sessions.begin(this.#device.client, this.#peer));
    const requests = filtersOf(source, body, end, true);
    const codes = requests.map((request) => this.#grant(session, request));
    const granted = requests.filter((_request, index) => codes[index] !== SUBACK_FAILURE).map(({ filter }) => filter);
    this.#wait(
      this.#answerWhen(sessions.changed(session), encodeSuback(packetId, codes), () =>
        this.#sendRetained(session, granted),
      ),
    );
    return null;
  }

  /** While the store is away, which it tells of itself, what needs nothing else of it goes on without what is retained. */
  async #sendRetained(session: Session, filters: readonly string[]): Promise<void> {
    try {
      await this.#context.sessions.sendRetained(session, filters);
    } catch (error) {
      if (session.isKept || !isMillraceError(error)) throw error;
    }
  }

  #unsubscribe({ source, body, end, packetId }: MqttFrameWalker): null {
    const session = this.#session;
    for (const { filter } of filtersOf(source, body, end, false)) session?.unsubscribe(filter);
    const changed = session === null ? Promise.resolve() : this.#context.sessions.changed(session);
    this.#wait(this.#answerWhen(changed, encodeAnswer(ANSWER.unsuback, packetId)));
    return null;
  }

  #wait(answered: Promise<void>): void {
    this.#waits += 1;
    void answered.finally(() => {
      this.#waits -= 1;
      this.#peer.resume();
    });
  }

  #grant(session: Session, { filter, qos }: RequestedFilter): SubackCode {
    const refusal = this.#refusalOf(session, filter);
    if (refusal === null) {
      session.subscribe(filter, qos);
      return qos;
    }
    this.#peer.filterRefused(refusal);
    return SUBACK_FAILURE;
  }

  #refusalOf(session: Session, filter: string): FilterRefusal | null {
    const shared = sharedFilterOf(filter);
    if (shared === "malformed") return "filter-shared-malformed";
    if (!this.#device.acl.maySubscribe(shared?.filter ?? filter)) return "filter-foreign";
    // Of other gateways only kept sessions are known: a group of others would get a copy at each of them.
    if (shared !== null && !session.isKept && !this.#context.sessions.isAlone) return "filter-shared-transient";
    if (!session.has(filter) && session.size >= this.#context.limits.filtersPerConnectionMax)
      return "filters-per-connection";
    return null;
  }

  /** PUBREL. A PUBCOMP that the client has not seen is said again: every PUBREL is answered [MQTT-4.3.3-2]. */
  #release(packetId: number): null {
    this.#wait(this.#answerWhen(this.received.complete(packetId), encodeAnswer(ANSWER.pubcomp, packetId)));
    return null;
  }

  /** Never rejects. */
  #answerWhen(durable: Promise<void>, answer: Buffer, after?: () => Promise<void>): Promise<void> {
    return durable
      .then(() => {
        this.#peer.write(answer);
        return after?.();
      })
      .catch((error: unknown) => this.#peer.end("session-store", error));
  }
}

function keeperOf(peer: SessionPeer, joined: JoinedSession | null, sessions: Sessions): ReceivedKeeper | null {
  const { store } = sessions;
  if (joined === null || store === null) return null;
  const { session, received } = joined;
  return { store, client: session.client, received, isCurrent: () => sessions.isCurrent(session, peer) };
}
