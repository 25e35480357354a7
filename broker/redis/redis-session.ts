import { createClient, RESP_TYPES } from "@redis/client";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { redisError } from "./redis-error.ts";
import { redisTarget } from "./redis-target.ts";

/** The oldest release that the tests run on. */
const VERSION_MIN = 7;

const factsSchema = z.object({ version: z.string(), mode: z.string(), role: z.string() });

export interface RedisSessionOptions {
  /** redis://user:password@host:port, or rediss:// for TLS. */
  readonly url: string;
  readonly connectTimeoutMs: number;
}

export type RedisArgument = string | Buffer;

/** One connection, from its opening to its loss: it does not reconnect, so that nobody mistakes a new one for the one before. */
export interface RedisSession {
  /** `heard` is called in the order of arrival, and may not throw. Rejects when the connection is lost, or for want of rights. */
  subscribe(channel: string, heard: (bytes: Buffer) => void): Promise<void>;
  /** Resolves with the number of subscribers that it was handed to. Rejects when the connection is lost first. */
  publish(channel: string, bytes: Uint8Array): Promise<number>;
  /** Runs a command; texts of the answer are Buffers. Rejects with the server's refusal, or when the connection is lost first. */
  run(command: readonly RedisArgument[]): Promise<unknown>;
  /** Resolves with the reason when the connection is lost, also by `close`. */
  readonly lost: Promise<MillraceError>;
  close(): void;
}

/**
 * Connects and checks the server. Commands and messages share the connection, as RESP3 allows, so that a published message
 * comes back in one order with those of others. Errors: LINK_IO (nobody answers), CONFIG_INVALID (password, rights, version, a replica).
 */
export async function openRedisSession(options: RedisSessionOptions): Promise<RedisSession> {
  const { url, connectTimeoutMs } = options;
  const target = redisTarget(url);
  const client = createClient({
    url,
    RESP: 3,
    disableOfflineQueue: true,
    // One right less that the user needs.
    disableClientInfo: true,
    socket: { reconnectStrategy: false, connectTimeout: connectTimeoutMs },
  });
  const lost = Promise.withResolvers<MillraceError>();
  client.on("error", (error: unknown) => lost.resolve(redisError(error, target)));
  client.on("end", () => lost.resolve(redisError(new Error("the connection has ended"), target)));
  const close = (): void => {
    lost.resolve(redisError(new Error("the connection was closed"), target));
    if (client.isOpen) client.destroy();
  };
  // The client's own time-out ends with the TCP connection, which the kernel of a server that hangs still takes.
  const late = setTimeout(() => {
    lost.resolve(redisError(new Error(`no answer within ${connectTimeoutMs} ms`), target));
    close();
  }, connectTimeoutMs);
  try {
    await client.connect();
    checkServer(await client.sendCommand(["HELLO"]), target);
  } catch (error) {
    // What ended the connection first is why; what its calls are rejected with afterwards is not.
    if (!(error instanceof MillraceError)) lost.resolve(redisError(error, target));
    close();
    throw error instanceof MillraceError ? error : await lost.promise;
  } finally {
    clearTimeout(late);
  }
  return {
    async subscribe(channel, heard) {
      await client.subscribe(channel, heard, true);
    },
    publish: (channel, bytes) => client.publish(channel, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    run: (command) => client.sendCommand(command, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }),
    lost: lost.promise,
    close,
  };
}

function checkServer(answer: unknown, target: string): void {
  const facts = factsSchema.safeParse(answer);
  if (!facts.success) {
    throw new MillraceError("CONFIG_INVALID", `Redis ${target}: what answers there is no Redis`, {
      remedy: "Correct MILLRACE_REDIS_URL.",
    });
  }
  const { version, mode, role } = facts.data;
  if (Number.parseInt(version, 10) < VERSION_MIN) {
    throw new MillraceError("CONFIG_INVALID", `Redis ${target}: version ${version} is too old`, {
      remedy: `Use Redis ${VERSION_MIN} or newer.`,
    });
  }
  if (mode === "cluster") {
    throw new MillraceError("CONFIG_INVALID", `Redis ${target}: a cluster has no one order of messages`, {
      remedy: "Let MILLRACE_REDIS_URL lead to a single server.",
    });
  }
  if (role !== "master") {
    throw new MillraceError("CONFIG_INVALID", `Redis ${target}: the server is a replica, whose messages others miss`, {
      remedy: "Let MILLRACE_REDIS_URL lead to the primary.",
    });
  }
}
