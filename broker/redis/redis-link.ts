import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { aborted } from "../../core/aborted.ts";
import type { ReportFault } from "../../core/fault.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { GatewayLink, LinkedEdge } from "../gateway-link.ts";
import { createClientClaims } from "./client-claims.ts";
import { createLinkLoop } from "./link-loop.ts";
import { decodeControl, decodeMessages, encodeControl, encodeMessages, type LinkControl } from "./link-messages.ts";
import { linkMetrics } from "./link-metrics.ts";
import { createMessageOutbox } from "./message-outbox.ts";
import { createOtherGateways } from "./other-gateways.ts";
import { createOwnAsks, type PublishAsks } from "./own-asks.ts";
import { createRounds } from "./rounds.ts";
import { openRedisSession, type RedisSession } from "./redis-session.ts";
import { redisTarget } from "./redis-target.ts";

/** The ceilings of what is kept for and of other gateways. */
export type LinkLimits = Pick<
  Limits,
  | "gatewaysMax"
  | "gatewayDevicesMax"
  | "gatewayLinkBytesMax"
  | "gatewayConnectTimeoutMs"
  | "gatewayAnswerTimeoutMs"
  | "gatewaySilenceMs"
  | "gatewayWaitMs"
>;

export interface RedisLinkOptions {
  /** redis://user:password@host:port, or rediss:// for TLS. */
  readonly url: string;
  /** Gateways of one installation have the same, and no others: Redis may be shared. Letters and digits. */
  readonly installation: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told while Redis is away: a fault and no reason to be unready, since telemetry does not need it. */
  readonly onFault: ReportFault;
  /** Overrides of ceilings, for tests. */
  readonly limits?: Partial<LinkLimits>;
}

/** How this gateway is known to the others as long as one connection lasts. */
interface Presence {
  readonly name: string;
  readonly redis: RedisSession;
}

/** How long a gateway that starts waits for the others to say what they ask for. */
const WELCOME_MS = 500;
const WELCOME_POLL_MS = 5;
/** Others find out by themselves that a gateway has gone. */
const BYE_MS = 200;

/**
 * The other gateways, reached through Redis' PUBLISH and SUBSCRIBE; nothing is kept there. Each gateway says of which devices it has
 * subscribers, so that of all telemetry only what somebody elsewhere asks for leaves the process.
 */
export function createRedisLink(options: RedisLinkOptions): GatewayLink {
  const { url, logger } = options;
  const limits: LinkLimits = { ...LIMITS, ...options.limits };
  const prefix = `millrace:${options.installation}`;
  const all = `${prefix}:gateways`;
  const controlOf = (gateway: string) => `${prefix}:gateway:${gateway}`;
  const messagesOf = (gateway: string) => `${prefix}:messages:${gateway}`;
  const meters = linkMetrics(options.metrics);
  const others = createOtherGateways(limits.gatewaysMax, limits.gatewayDevicesMax);
  let present: Presence | null = null;
  let edge: LinkedEdge | null = null;

  const tell = (to: string, control: LinkControl): Promise<number> | null =>
    present === null ? null : present.redis.publish(to, encodeControl(control));
  const asksTo =
    (channel: string): PublishAsks =>
    (round, began, ceased) =>
      present === null ? null : tell(channel, { kind: "asks", from: present.name, round, began, ceased });

  const rounds = createRounds(limits.gatewayWaitMs, meters.late);
  const asks = createOwnAsks(rounds, asksTo(all));
  const outbox = createMessageOutbox({
    async send(gateway, messages) {
      if (present === null) return 0;
      const receivers = await present.redis.publish(messagesOf(gateway), encodeMessages(messages));
      // Its connection is gone: what it asks for now it asks under another name.
      if (receivers === 0) others.forget(gateway);
      return receivers;
    },
    bytesMax: limits.gatewayLinkBytesMax,
    onSent: meters.sent,
    onLost: meters.lost,
  });
  const claims = createClientClaims({
    rounds,
    publish: (round, clients) =>
      present === null ? null : tell(all, { kind: "claims", from: present.name, round, clients }),
    takeOver: async (client) => edge?.takeOver(client),
  });

  function heard(gateway: string): boolean {
    const isNew = others.heard(gateway, performance.now());
    meters.gateways(others.size);
    return isNew;
  }

  function acknowledge(own: string, to: string, round: number): void {
    if (round > 0) tell(controlOf(to), { kind: "acknowledged", from: own, round })?.catch(() => undefined);
  }

  async function onClaims(own: string, { from, round, clients }: LinkControl & { kind: "claims" }): Promise<void> {
    if (from === own) return claims.ownCame(round, clients);
    await claims.foreignCame(clients);
    acknowledge(own, from, round);
  }

  function onControl(own: string, bytes: Buffer): void {
    const control = decodeControl(bytes);
    if (control === null) return meters.malformed();
    const { from } = control;
    if (control.kind === "claims") return void onClaims(own, control);
    if (from === own) return;
    if (control.kind === "bye") return others.forget(from);
    const isNew = heard(from);
    if (control.kind === "hello") asks.tellAll(asksTo(controlOf(from)));
    else if (control.kind === "acknowledged") rounds.acknowledged(control.round);
    else if (control.kind === "asks") {
      meters.unheard(others.asks(from, control.began, control.ceased));
      acknowledge(own, from, control.round);
    } else if (isNew) tell(controlOf(from), { kind: "hello", from: own })?.catch(() => undefined);
  }

  function onMessages(bytes: Buffer): void {
    const messages = decodeMessages(bytes);
    if (messages === null) return meters.malformed();
    meters.received(messages.length);
    for (const { topic, message } of messages) edge?.deliver(topic, message);
  }

  async function open(): Promise<RedisSession> {
    const redis = await openRedisSession({ url, connectTimeoutMs: limits.gatewayConnectTimeoutMs });
    others.clear();
    present = { name: randomUUID(), redis };
    return redis;
  }

  /** The common channel last: whoever hears of this gateway can reach it. */
  async function onBegan(redis: RedisSession): Promise<void> {
    const name = present?.name ?? "";
    const control = (bytes: Buffer) => onControl(name, bytes);
    await redis.subscribe(messagesOf(name), onMessages);
    await redis.subscribe(controlOf(name), control);
    await redis.subscribe(all, control);
    const gateways = await redis.publish(all, encodeControl({ kind: "hello", from: name }));
    asks.tellAll(asksTo(all));
    claims.linkBegan();
    meters.up(1);
    const deadline = performance.now() + WELCOME_MS;
    while (others.size < gateways - 1 && performance.now() < deadline) await sleep(WELCOME_POLL_MS);
  }

  const loop = createLinkLoop({
    open,
    onBegan,
    onLost() {
      present = null;
      claims.linkLost();
      rounds.linkLost();
      meters.up(0);
    },
    beat(redis) {
      others.forgetSilent(performance.now() - limits.gatewaySilenceMs);
      meters.gateways(others.size);
      return redis.publish(all, encodeControl({ kind: "alive", from: present?.name ?? "" }));
    },
    answerTimeoutMs: limits.gatewayAnswerTimeoutMs,
    target: redisTarget(url),
    fault: "redis",
    texts: {
      away: "other gateways are not reached",
      meanwhile: "Telemetry is acknowledged meanwhile; messages for subscribers at other gateways are lost.",
      back: "other gateways are reached through Redis",
    },
    onFault: options.onFault,
    logger,
  });

  return {
    start(linked) {
      edge = linked;
      return loop.start();
    },
    async stop(signal) {
      const bye = present === null ? null : tell(all, { kind: "bye", from: present.name });
      if (bye !== null) await Promise.race([bye.catch(() => undefined), sleep(BYE_MS), aborted(signal)]);
      await loop.stop();
    },
    isAsked: (key) => others.askersOf(key).size > 0,
    forward(key, topic, message) {
      for (const gateway of others.askersOf(key)) outbox.add(gateway, { topic, message });
    },
    ask: (key) => asks.ask(key),
    claim: (client) => claims.claim(client),
  };
}
