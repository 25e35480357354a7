import type { FastifyBaseLogger, FastifyInstance, FastifyReply, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isMillraceError } from "../core/errors.ts";
import type { ApiOptions } from "./api-options.ts";
import type { Gate } from "./gate.ts";
import type { Sessions } from "./sessions.ts";
import type { TokenBuckets } from "./token-buckets.ts";

/** Fastify with zod schemas: what handlers take and give is inferred from them. */
export type ZodApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What every group of routes is made from. */
export interface RouteContext {
  readonly options: ApiOptions;
  readonly gate: Gate;
  readonly sessions: Sessions;
  readonly signInAttempts: TokenBuckets;
}

/** A change answers after this long at the latest, even if its control records are not in the log yet. */
const CONFIGURATION_SETTLE_MS = 2000;
const PENDING_HEADER = "millrace-pending";

/**
 * Waits until the change's control records are in the log, so that what is sent after the answer meets the new configuration. When
 * that takes too long the change stands all the same, and the answer says so in a header.
 */
export async function settleConfiguration(options: ApiOptions, reply: FastifyReply, sequence?: number): Promise<void> {
  const { controlOutbox } = options.registry;
  try {
    if (sequence === undefined) await controlOutbox.drained(CONFIGURATION_SETTLE_MS);
    else await controlOutbox.drained(CONFIGURATION_SETTLE_MS, sequence);
  } catch (error) {
    if (!isMillraceError(error, "TIMED_OUT")) throw error;
    void reply.header(PENDING_HEADER, "true");
  }
}
