import { setTimeout as sleep } from "node:timers/promises";
import { isMillraceError, type MillraceError } from "../../core/errors.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import { pause } from "../../core/pause.ts";
import { redisError } from "./redis-error.ts";
import type { RedisSession } from "./redis-session.ts";

export interface LinkLoopOptions {
  /** Rejects with LINK_IO or CONFIG_INVALID. */
  readonly open: () => Promise<RedisSession>;
  /** The session is there: makes this gateway known. */
  readonly onBegan: (session: RedisSession) => Promise<void>;
  readonly onLost: () => void;
  /** Says that this gateway lives; resolves when Redis has answered. */
  readonly beat: (session: RedisSession) => Promise<unknown>;
  /** A Redis that does not answer a beat in time is given up. */
  readonly answerTimeoutMs: number;
  readonly target: string;
  /** The id of the fault. */
  readonly fault: string;
  readonly texts: {
    /** What is not to be had. */
    readonly away: string;
    /** What that means: a sentence. */
    readonly meanwhile: string;
    readonly back: string;
  };
  readonly onFault: ReportFault;
  readonly logger: Logger;
}

export interface LinkLoop {
  /** Resolves after the first attempt. Rejects when none can ever succeed: CONFIG_INVALID. */
  start(): Promise<void>;
  /** Waits for no answer of Redis. */
  stop(): Promise<void>;
}

const BEAT_MS = 1000;
const RECONNECT_MS = 500;
/** A connection that is being opened is left behind. */
const STOP_MS = 200;

/** Holds one session after the other. */
export function createLinkLoop(options: LinkLoopOptions): LinkLoop {
  const { open, onBegan, onLost, beat, answerTimeoutMs, target, fault, texts, onFault, logger } = options;
  const stopping = new AbortController();
  let away = false;
  let running: Promise<void> = Promise.resolve();

  function tellAway(error: MillraceError): void {
    const text = `${texts.away}: ${error.message}. ${error.remedy ?? "Look at the server."} ${texts.meanwhile}`;
    onFault(fault, "raised", text);
    if (!away) logger.warn({ code: error.code }, text);
    away = true;
  }

  function tellBack(): void {
    onFault(fault, "cleared", "");
    logger.info({ target }, texts.back);
    away = false;
  }

  async function hold(session: RedisSession): Promise<MillraceError> {
    let reason: MillraceError | null = null;
    void session.lost.then((error) => (reason = error));
    while (reason === null) {
      if (!(await answers(beat(session), answerTimeoutMs))) {
        session.close();
        return reason ?? redisError(new Error(`no answer within ${answerTimeoutMs} ms`), target);
      }
      await Promise.race([session.lost, pause(BEAT_MS, stopping.signal)]);
      if (stopping.signal.aborted) session.close();
    }
    return reason;
  }

  async function attempt(): Promise<RedisSession> {
    const session = await open();
    const late = setTimeout(session.close, answerTimeoutMs);
    try {
      await onBegan(session);
    } catch (error) {
      session.close();
      onLost();
      throw redisError(error, target);
    } finally {
      clearTimeout(late);
    }
    tellBack();
    return session;
  }

  async function loop(first: RedisSession | null): Promise<void> {
    let session = first;
    while (!stopping.signal.aborted) {
      if (session === null) await pause(RECONNECT_MS, stopping.signal);
      if (stopping.signal.aborted) break;
      try {
        session ??= await attempt();
        const reason = await hold(session);
        onLost();
        if (!stopping.signal.aborted) tellAway(reason);
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        tellAway(error);
      }
      session = null;
    }
  }

  return {
    async start() {
      let session: RedisSession | null = null;
      try {
        session = await attempt();
      } catch (error) {
        // A gateway that starts while Redis is away takes telemetry all the same.
        if (!isMillraceError(error) || error.retry === "never") throw error;
        tellAway(error);
      }
      running = loop(session);
    },
    async stop() {
      stopping.abort();
      await Promise.race([running, sleep(STOP_MS)]);
    },
  };
}

/** False when it rejects, or takes too long. */
async function answers(asked: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const enough = new AbortController();
  const answered = asked.then(
    () => true,
    () => false,
  );
  const late = pause(timeoutMs, enough.signal).then(() => false);
  const result = await Promise.race([answered, late]);
  enough.abort();
  return result;
}
