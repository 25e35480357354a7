import { isFunctionsJournal } from "../core/functions-stage.ts";
import { JOURNALS } from "./journals.ts";
import type { Config } from "./config.ts";

/** How much the log may hold, and who must have read it before that goes. */
export function logCeilings(config: Config) {
  return {
    bytesMax: config.logBytesMax,
    retentionMs: config.logRetentionHours * 3_600_000,
    requiredJournals: [...journalPartitions(config).keys()].filter((journal) => isRequired(journal, config)),
    isOnceBegun: isFunctionsJournal,
  };
}

/** What is consumed in one process at a time has a journal of one partition. */
export function journalPartitions({ partitions, clickhouse, forwardUrl }: Config): Map<string, number> {
  const journals = new Map([
    [JOURNALS.stage, partitions],
    [JOURNALS.notify, 1],
  ]);
  if (forwardUrl !== undefined) journals.set(JOURNALS.forward, 1);
  return clickhouse ? journals.set(JOURNALS.clickhouse, 1) : journals;
}

/** What is not forwarded may be forgotten where the operator has said so. */
function isRequired(journal: string, { forwardWhenFull }: Config): boolean {
  return journal !== JOURNALS.forward || forwardWhenFull === "hold";
}
