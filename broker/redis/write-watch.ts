import { ErrorReply } from "@redis/client";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import { redisError } from "./redis-error.ts";
import type { RedisSession } from "./redis-session.ts";

export interface WriteWatchOptions {
  /** A hash that nobody reads. */
  readonly key: string;
  readonly target: string;
  /** What it means that nothing is written: a sentence. */
  readonly meanwhile: string;
  /** Told with the id `sessions`. */
  readonly onFault: ReportFault;
  readonly logger: Logger;
}

/** Finds out that a server refuses writes: one that is full, or has become a replica, answers everything else as before. */
export class WriteWatch {
  readonly #options: WriteWatchOptions;
  #refusing = false;

  constructor(options: WriteWatchOptions) {
    this.#options = options;
  }

  /** Writes something. Rejects when the connection is lost first. */
  async look(redis: RedisSession): Promise<void> {
    try {
      await redis.run(["HSET", this.#options.key, "written", "1"]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      return this.#noteRefusal(error);
    }
    if (!this.#refusing) return;
    const { target, onFault, logger } = this.#options;
    this.#refusing = false;
    onFault("sessions", "cleared", "");
    logger.info({ target }, "Redis takes writes again");
  }

  /** The connection is gone, and its loss a fault of its own. */
  lost(): void {
    this.#refusing = false;
  }

  #noteRefusal(refusal: ErrorReply): void {
    if (this.#refusing) return;
    this.#refusing = true;
    const { target, meanwhile, onFault, logger } = this.#options;
    const { code, message, remedy } = redisError(refusal, target);
    const text = `sessions that are kept are not written: ${message}. ${remedy ?? "Look at the server."} ${meanwhile}`;
    onFault("sessions", "raised", text);
    logger.warn({ code }, text);
  }
}
