import { MillraceError, isMillraceError } from "../../../core/errors.ts";
import { openLogHistory } from "./log-history.ts";
import { openTableHistory } from "./table-history.ts";
import type { ApiClient } from "../../commands/api-client.ts";
import type { ReadingHistory } from "./reading-history.ts";

export const HISTORY_SOURCES = ["log", "tables"] as const;
export type HistorySource = (typeof HISTORY_SOURCES)[number];

export interface HistoryPlace {
  /** The data directory. */
  readonly data: string;
  /** Connects to the instance; NOT_RUNNING where none is. */
  readonly api: () => ApiClient;
  /** Undefined: the log where there is one here that goes back far enough, else the tables. */
  readonly source?: HistorySource;
}

/** The readings since `from`, UTC ms. Errors: those of the log; those of the API where the tables are asked for. */
export async function openHistory({ data, api, source }: HistoryPlace, from: number): Promise<ReadingHistory> {
  if (source === "tables") return openTableHistory(api());
  let shortcoming: MillraceError;
  try {
    const log = await openLogHistory(data);
    if (source === "log" || from >= log.since) return log;
    await log.close();
    shortcoming = new MillraceError("NOT_FOUND", `the log goes back to ${new Date(log.since).toISOString()} only`, {
      remedy: "Start the instance, so that its tables can be asked; or begin later, with --from.",
    });
  } catch (error) {
    // On Kafka there is none here.
    if (source === "log" || !isMillraceError(error, "NOT_FOUND")) throw error;
    shortcoming = error;
  }
  try {
    return await openTableHistory(api());
  } catch (error) {
    throw isMillraceError(error, "NOT_RUNNING") ? shortcoming : error;
  }
}

/** What is made of the history, which is closed before whoever asked goes on: printing may take for ever. */
export async function thenClosed<Result>(history: ReadingHistory, use: () => Promise<Result>): Promise<Result> {
  try {
    return await use();
  } finally {
    await history.close();
  }
}
