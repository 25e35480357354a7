import type { LogStatus } from "../../core/event-log.ts";
import type { Config } from "../config.ts";
import { consumersOf, lagOf, positionsOf, rangesOf } from "./hops.ts";

/** What deletes from the log: one file loses its oldest commits, whatever is in them; Kafka's partitions lose their own records. */
export type DeletionOrder = "by-commit" | "by-partition";

/** `bytes`: about how many of the log may not be deleted before the consumer has read them. */
export interface Backlog {
  readonly records: number;
  readonly bytes: number;
}

/** What each consumer of the log has still to read. */
export function consumerBacklogs(status: LogStatus, order: DeletionOrder): Readonly<Record<string, Backlog>> {
  const of = (journal: string): Backlog => ({
    records: lagOf(status, journal),
    bytes: heldBytes(status, journal, order),
  });
  return Object.fromEntries(consumersOf(status).map(({ name, journal }) => [name, of(journal)]));
}

/** The same of those that this installation has, and without bytes of who may be passed. */
export function requiredBacklogs(status: LogStatus, config: Config): Readonly<Record<string, Backlog>> {
  const { forward, ...others } = consumerBacklogs(
    status,
    config.kafkaBrokers === undefined ? "by-commit" : "by-partition",
  );
  if (forward === undefined || config.forwardUrl === undefined) return others;
  return { ...others, forward: config.forwardWhenFull === "hold" ? forward : { ...forward, bytes: 0 } };
}

/** As if all records were of one size. */
function heldBytes(status: LogStatus, journalName: string, order: DeletionOrder): number {
  const ranges = rangesOf(status);
  let held = 0;
  let greatestShare = 0;
  for (const { topic, partition, offset } of positionsOf(status, journalName)) {
    const { startOffset = 0, endOffset = 0 } = ranges.get(`${topic}/${partition}`) ?? {};
    const unread = endOffset - Math.max(startOffset, offset);
    if (unread <= 0) continue;
    held += unread;
    greatestShare = Math.max(greatestShare, unread / (endOffset - startOffset));
  }
  if (order === "by-commit") return status.bytes * greatestShare;
  const all = status.partitions.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
  return status.bytes * (held / Math.max(1, all));
}
