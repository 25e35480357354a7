import { randomUUID } from "node:crypto";
import { ErrorReply } from "@redis/client";
import { z } from "zod";
import { untilAborted } from "../../core/aborted.ts";
import { errorText, MillraceError } from "../../core/errors.ts";
import type { ReportFault } from "../../core/fault.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import { sessionStoreMetrics, type SessionStoreMetrics } from "../session/session-store-metrics.ts";
import type {
  KeptSession,
  QueuedDelivery,
  QueuedMessage,
  QueueOutcome,
  QueueTarget,
  RetainedMessage,
  SessionChange,
  SessionStore,
  SessionStoreLimits,
} from "../session/session-store.ts";
import {
  decodeDelivery,
  decodeRetained,
  decodeSession,
  encodeMessage,
  encodeRetained,
  encodeSession,
} from "../session/session-values.ts";
import { KnownSessions } from "./known-sessions.ts";
import { candidatesOf, outcomeOf } from "./queue-outcome.ts";
import { createLinkLoop, type LinkLoop } from "./link-loop.ts";
import { openRedisSession, type RedisArgument, type RedisSession } from "./redis-session.ts";
import { redisTarget } from "./redis-target.ts";
import { decodeChange } from "./session-changes.ts";
import { SESSION_SCRIPTS, type SessionScript } from "./session-scripts.ts";
import { WriteWatch } from "./write-watch.ts";

export interface RedisSessionStoreOptions {
  /** redis://user:password@host:port, or rediss:// for TLS. */
  readonly url: string;
  /** Gateways of one installation have the same, and no others: Redis may be shared. Letters and digits. */
  readonly installation: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told while Redis is away: a fault and no reason to be unready, since telemetry does not need it. */
  readonly onFault: ReportFault;
  /** Overrides of ceilings, for tests. */
  readonly limits?: Partial<SessionStoreLimits & Pick<Limits, "gatewayConnectTimeoutMs" | "gatewayAnswerTimeoutMs">>;
}

/** Of one script: it must not hold Redis for long. */
const TARGETS_PER_CALL = 200;
const RETAINED_PER_CALL = 1000;
const SCAN_COUNT = 500;

const MEANWHILE = "Telemetry is acknowledged meanwhile; clients that want such a session are refused.";

const flatSchema = z.array(z.instanceof(Buffer));
const scanSchema = z.tuple([z.instanceof(Buffer), flatSchema]);
const totalsSchema = z.array(z.instanceof(Buffer).nullable());

interface Reached {
  readonly redis: RedisSession;
  readonly hashes: ReadonlyMap<SessionScript, string>;
}

/**
 * Sessions in Redis, shared by the gateways of an installation. What is answered is as durable as Redis' `appendfsync` makes it. While
 * Redis is away each call rejects at once; one that was under way does when its connection is given up. A gateway that starts meanwhile
 * loads nothing: `watch` is told of the sessions when Redis is there, as of all that changed while it was away.
 */
export class RedisSessionStore implements SessionStore {
  readonly #origin = randomUUID();
  readonly #prefix: string;
  readonly #target: string;
  readonly #limits: SessionStoreLimits;
  readonly #meters: SessionStoreMetrics;
  readonly #writes: WriteWatch;
  readonly #known = new KnownSessions();
  readonly #loop: LinkLoop;
  #reached: Reached | null = null;
  #stopping = false;
  /** Changes that are heard while all sessions are being read. Null when none are. */
  #heardMeanwhile: Buffer[] | null = null;

  constructor(options: RedisSessionStoreOptions) {
    const { url, logger, onFault } = options;
    const limits = { ...LIMITS, ...options.limits };
    this.#limits = limits;
    this.#prefix = `millrace:${options.installation}:session:`;
    this.#target = redisTarget(url);
    this.#meters = sessionStoreMetrics(options.metrics);
    const key = `${this.#prefix}probe`;
    this.#writes = new WriteWatch({ key, target: this.#target, meanwhile: MEANWHILE, onFault, logger });
    this.#loop = createLinkLoop({
      open: () => openRedisSession({ url, connectTimeoutMs: limits.gatewayConnectTimeoutMs }),
      onBegan: (redis) => this.#begin(redis),
      onLost: () => {
        this.#reached = null;
        this.#writes.lost();
        if (!this.#stopping) this.#meters.failed();
      },
      beat: (redis) => this.#beat(redis),
      answerTimeoutMs: limits.gatewayAnswerTimeoutMs,
      target: this.#target,
      fault: "sessions",
      texts: {
        away: "sessions that are kept are not reached",
        meanwhile: MEANWHILE,
        back: "sessions are kept in Redis",
      },
      onFault,
      logger,
    });
  }

  /** Resolves after the first attempt to reach Redis. CONFIG_INVALID when none can ever succeed. */
  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(signal: AbortSignal): Promise<void> {
    const redis = this.#reached?.redis;
    this.#reached = null;
    this.#stopping = true;
    // Answers come in the order of the calls: when this one has come, all have.
    const answered = redis?.run(["PING"]).catch(() => undefined) ?? Promise.resolve();
    await untilAborted(answered, signal);
    await this.#loop.stop();
  }

  load(watch: (change: SessionChange) => void): Promise<readonly KeptSession[]> {
    return Promise.resolve(this.#known.load(watch));
  }

  async find(client: string): Promise<KeptSession | null> {
    const value = await this.#call("find", [client]);
    return value instanceof Buffer ? (this.#readable([decodeSession(value)])[0] ?? null) : null;
  }

  async put(session: KeptSession): Promise<void> {
    await this.#call("put", [session.client, encodeSession(session)]);
  }

  async remove(client: string): Promise<void> {
    await this.#call("remove", [client]);
  }

  async enqueue(message: QueuedMessage, targets: readonly QueueTarget[]): Promise<QueueOutcome> {
    const { sessionQueueMessagesMax, sessionQueueBytesMax, sessionStoreBytesMax, ...limits } = this.#limits;
    const oldest = message.queuedAt - limits.sessionMessageAgeMaxMs;
    const bounds = [sessionQueueMessagesMax, sessionQueueBytesMax, sessionStoreBytesMax, oldest].map(String);
    const value = encodeMessage(message);
    const calls: Promise<unknown>[] = [];
    for (let at = 0; at < targets.length; at += TARGETS_PER_CALL) {
      const candidates = targets.slice(at, at + TARGETS_PER_CALL).flatMap(candidatesOf);
      calls.push(this.#call("enqueue", [...bounds, value, ...candidates]));
    }
    return outcomeOf(targets, await Promise.all(calls));
  }

  async queued(client: string, after: number, count: number): Promise<readonly QueuedDelivery[]> {
    const found = pairs(await this.#call("queued", [client, String(after), String(count)]));
    return this.#readable(found.map(([sequence, value]) => decodeDelivery(value, Number(sequence))));
  }

  async settle(client: string, sequence: number): Promise<void> {
    await this.#call("settle", [client, String(sequence)]);
  }

  async release(client: string, sequence: number): Promise<void> {
    await this.#call("release", [client, String(sequence)]);
  }

  async received(client: string): Promise<ReadonlyMap<number, string>> {
    const found = pairs(await this.#call("received", [client]));
    return new Map(found.map(([packetId, admissionId]) => [Number(packetId), admissionId.toString()]));
  }

  async receive(client: string, packetId: number, admissionId: string): Promise<void> {
    await this.#call("receive", [client, String(packetId), admissionId]);
  }

  async complete(client: string, packetId: number): Promise<void> {
    await this.#call("complete", [client, String(packetId)]);
  }

  async retain(message: RetainedMessage): Promise<boolean> {
    const value = message.payload.length === 0 ? [] : [encodeRetained(message)];
    const answer = await this.#call("retain", [String(this.#limits.retainedMessagesMax), message.topic, ...value]);
    return answer === 1;
  }

  /** In pages: many topics must not hold Redis. What is retained between two of them may or may not be given. */
  async retained(prefix: string): Promise<readonly RetainedMessage[]> {
    // 0xff stands in no text.
    const end = prefix === "" ? "+" : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.of(0xff)]);
    const found: RetainedMessage[] = [];
    for (let start: RedisArgument = prefix === "" ? "-" : `[${prefix}`; ;) {
      const page = pairs(await this.#call("retained", [start, end, String(RETAINED_PER_CALL)]));
      found.push(...this.#readable(page.map(([topic, value]) => decodeRetained(topic.toString(), value))));
      const last = page.at(-1)?.[0];
      if (page.length < RETAINED_PER_CALL || last === undefined) return found;
      start = Buffer.concat([Buffer.from("("), last]);
    }
  }

  /** Runs a script; those that are called without waiting run in the order of the calls. SESSION_STORE_IO. */
  async #call(script: SessionScript, values: readonly RedisArgument[]): Promise<unknown> {
    if (this.#reached === null) throw this.#failure("Redis is away");
    const { redis, hashes } = this.#reached;
    try {
      return await redis.run(["EVALSHA", hashes.get(script) ?? "", "0", this.#prefix, this.#origin, ...values]);
    } catch (error) {
      // A lost connection is counted once, not with each call.
      if (error instanceof ErrorReply) this.#meters.failed();
      // Somebody has made Redis forget its scripts: the next connection brings them again.
      if (error instanceof Error && error.message.startsWith("NOSCRIPT")) redis.close();
      throw this.#failure(errorText(error), error);
    }
  }

  #failure(text: string, cause?: unknown): MillraceError {
    return new MillraceError("SESSION_STORE_IO", `Redis ${this.#target}: ${text}`, {
      cause,
      remedy: "Look at the Redis server.",
    });
  }

  /** Listens first, so that nothing is missed between what is read and what is heard. */
  async #begin(redis: RedisSession): Promise<void> {
    this.#heardMeanwhile = [];
    await redis.subscribe(`${this.#prefix}changes`, (bytes) => {
      if (this.#heardMeanwhile === null) this.#hear(bytes);
      else this.#heardMeanwhile.push(bytes);
    });
    const names = Object.keys(SESSION_SCRIPTS).filter(isScript);
    const loaded = names.map(
      async (name) => [name, String(await redis.run(["SCRIPT", "LOAD", SESSION_SCRIPTS[name]]))] as const,
    );
    const hashes = new Map(await Promise.all(loaded));
    const found = await this.#readSessions(redis);
    // First: who is told of a session may have to remove it.
    this.#reached = { redis, hashes };
    this.#known.replace(found);
    const heard = this.#heardMeanwhile;
    this.#heardMeanwhile = null;
    for (const bytes of heard) this.#hear(bytes);
  }

  async #readSessions(redis: RedisSession): Promise<ReadonlyMap<string, KeptSession>> {
    const found = new Map<string, KeptSession>();
    for (let cursor = "0"; ;) {
      const answer = await redis.run(["HSCAN", `${this.#prefix}sessions`, cursor, "COUNT", String(SCAN_COUNT)]);
      const [next, page] = scanSchema.parse(answer);
      for (const session of this.#readable(pairs(page).map(([, value]) => decodeSession(value)))) {
        found.set(session.client, session);
      }
      cursor = next.toString();
      if (cursor === "0") return found;
    }
  }

  #hear(bytes: Buffer): void {
    const told = decodeChange(bytes);
    if (told === null) return this.#meters.damaged(1);
    for (const change of told.changes) this.#known.apply(change, told.origin === this.#origin);
  }

  async #beat(redis: RedisSession): Promise<void> {
    await this.#writes.look(redis);
    const totals = totalsSchema.parse(await redis.run(["HMGET", `${this.#prefix}totals`, "messages", "bytes"]));
    const [messages = 0, bytes = 0] = totals.map(Number);
    this.#meters.kept({ sessions: this.#known.size, messages, bytes });
  }

  #readable<T>(values: readonly (T | null)[]): readonly T[] {
    const readable = values.filter((value) => value !== null);
    this.#meters.damaged(values.length - readable.length);
    return readable;
  }
}

function isScript(name: string): name is SessionScript {
  return name in SESSION_SCRIPTS;
}

function pairs(answer: unknown): readonly (readonly [Buffer, Buffer])[] {
  const flat = flatSchema.parse(answer);
  return Array.from({ length: flat.length / 2 }, (_, index) => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = flat.slice(index * 2, index * 2 + 2);
    return [first, second] as const;
  });
}
