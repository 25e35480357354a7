import { once } from "node:events";
import { Client, type ClientConfig } from "pg";
import { errorText } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { pause } from "../../core/pause.ts";

export const CHANNEL = "millrace_change";

const RECONNECT_MS = 1000;

export interface PostgresListener {
  stop(): Promise<void>;
}

/**
 * Calls `heard` for every notification, and after each connection, since what was told meanwhile is lost. Has a connection of its own,
 * outside of the pool: LISTEN belongs to a session. While it is down hearers go on by asking, so that its errors are only logged.
 */
export function startPostgresListener(config: ClientConfig, heard: () => void, logger: Logger): PostgresListener {
  const stopping = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await listenUntilLost(config, heard, stopping.signal);
      } catch (error) {
        logger.warn(
          { cause: errorText(error) },
          "changes of other processes are seen by asking: the connection that listens is lost",
        );
      }
      await pause(RECONNECT_MS, stopping.signal);
    }
  };
  const running = loop();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Returns on abort; throws when there is no connection, or none any more. */
async function listenUntilLost(config: ClientConfig, heard: () => void, stopping: AbortSignal): Promise<void> {
  const client = new Client(config);
  client.on("notification", heard);
  const lost = Promise.withResolvers<never>();
  client.on("error", lost.reject);
  client.on("end", () => lost.reject(new Error("the server ended it")));
  // Nobody may be waiting yet when it comes.
  lost.promise.catch(() => undefined);
  try {
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    heard();
    const stopped = stopping.aborted ? Promise.resolve() : once(stopping, "abort");
    await Promise.race([lost.promise, stopped]);
  } finally {
    await client.end().catch(() => undefined);
  }
}
