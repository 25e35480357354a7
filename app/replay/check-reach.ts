import { defaultDeviceType } from "../../core/device-type.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { scanLog } from "../../log/scan-log.ts";
import type { EventLog, LogStatus } from "../../core/event-log.ts";
import type { StageFunction } from "../../core/function.ts";
import type { TopicName } from "../../core/topics.ts";
import type { TimeRange } from "../functions/history/reading-history.ts";
import type { ReplayConfiguration } from "./partition-replay.ts";

interface Reach {
  readonly log: Pick<EventLog, "openReader">;
  readonly fn: StageFunction;
  readonly range: TimeRange;
}
type Partitions = LogStatus["partitions"];

/** What retention has deleted cannot be run again, nor be a part of a state. INVALID_INPUT. */
export async function checkReach({ log, fn, range }: Reach, partitions: Partitions): Promise<void> {
  const cut = cutPartitions(partitions, ["readings"]);
  if (cut.length === 0) return;
  if (fn.kind === "stream") {
    throw new MillraceError(
      "INVALID_INPUT",
      `retention has deleted readings of which ${fn.name} may have kept something`,
      {
        remedy:
          "Only functions without state can be replayed then. A longer MILLRACE_LOG_RETENTION_HOURS keeps more from now on.",
      },
    );
  }
  const since = await heldSince(log, cut);
  if (range.from >= since) return;
  throw new MillraceError("INVALID_INPUT", `the log goes back to ${new Date(since).toISOString()} only`, {
    remedy: "Begin later, with --from.",
  });
}

/**
 * Windows keep nothing but their own readings: those are whole that begin when no reading that is gone can have been of them, by as much as a
 * device's clock may be ahead. INVALID_INPUT.
 */
export async function checkAggregatesReach(
  { log, range, configuration }: Reach & { readonly configuration: ReplayConfiguration },
  partitions: Partitions,
): Promise<void> {
  const cut = cutPartitions(partitions, ["telemetry", "readings", "aggregates"]);
  if (cut.length === 0) return;
  const sizes = [defaultDeviceType("default"), ...configuration.types].flatMap(({ windowMs }) => windowMs);
  const since = (await heldSince(log, cut)) + LIMITS.eventTimeAheadMsMax + Math.max(...sizes);
  if (range.from >= since) return;
  const text = `the log holds windows whole that end after ${new Date(since).toISOString()} only: retention has deleted what came before`;
  throw new MillraceError("INVALID_INPUT", text, { remedy: "Begin later, with --from." });
}

function cutPartitions(partitions: Partitions, topics: readonly TopicName[]): Partitions {
  return partitions.filter(
    ({ topic, startOffset, endOffset }) =>
      topics.some((name) => name === topic) && startOffset > 0 && startOffset < endOffset,
  );
}

/** Receive time from which on the log holds all partitions, UTC ms. */
async function heldSince(log: Reach["log"], cut: Partitions): Promise<number> {
  let since = 0;
  for (const { topic, partition, startOffset, endOffset } of cut) {
    await scanLog(
      log,
      [{ topic, partition, offset: startOffset, end: endOffset }],
      ({ timestamp }) => {
        since = Math.max(since, timestamp);
        return true;
      },
      1,
    );
  }
  return since;
}
