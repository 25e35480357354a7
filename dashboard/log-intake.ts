import { errorText } from "../core/errors.ts";
import type { EventLog, FetchedSlice, TopicPosition } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import { HEADER, isControlRecord, type LogRecord } from "../core/record.ts";
import type { HubCounters } from "./hub-counters.ts";
import type { HubLimits } from "./hub-limits.ts";
import type { LiveFeed } from "./live-feed.ts";
import { followLog } from "./log-follower.ts";
import { parseAlarmEvent, parseDeviceEvent } from "./parse-derived.ts";
import { ReadingHead } from "../wire/reading-head.ts";
import { headerBegins } from "../wire/record-batch-reader.ts";

/** The function that makes readings of what devices send. */
const CLEAN = "clean@";
const FOLLOWED = ["readings", "alarms", "device-events"];
/** The scan of old records uses at most about a quarter of a core. */
const SCAN_REST_FACTOR = 3;

export interface LogIntakeOptions {
  readonly log: Pick<EventLog, "openReader" | "status">;
  readonly feed: LiveFeed;
  readonly limits: HubLimits;
  readonly counters: HubCounters;
  readonly logger: Logger;
}

export interface LogIntake {
  start(): Promise<void>;
  stop(): Promise<void>;
  notReadyReasons(): readonly string[];
}

/** Feeds the hub: the log from its end on, and beside it the newest old records, for last values. */
export function createLogIntake(options: LogIntakeOptions): LogIntake {
  const { log, feed, limits, counters, logger } = options;
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let trouble: string | null = "not started";
  const head = new ReadingHead();

  function takeReading(record: LogRecord, isOld: boolean): boolean {
    if (!head.read(record)) return false;
    const isOwn = headerBegins(record, HEADER.functionVersion, CLEAN);
    return feed.applyReading(head, isOld, isOwn);
  }

  function takeIn(slice: FetchedSlice, isOld: boolean): void {
    for (const record of slice.records) {
      if (isControlRecord(record)) continue;
      counters.records.add();
      if (slice.topic === "readings") {
        if (!takeReading(record, isOld)) counters.unreadable.add();
      } else if (slice.topic === "alarms") {
        const event = parseAlarmEvent(record.value);
        if (event === null) counters.unreadable.add();
        else if (isOld) feed.applyOldAlarm(event);
        else feed.applyAlarm(event);
      } else {
        const event = parseDeviceEvent(record.value);
        if (event === null) counters.unreadable.add();
        else if (event.kind === "removed") feed.applyRemoval(event);
      }
    }
  }

  async function follow(ends: readonly TopicPosition[], scanFrom: readonly TopicPosition[]): Promise<void> {
    const common = {
      log,
      bytesMax: limits.hubFetchBytesMax,
      signal: stopping.signal,
      logger,
      onBatch: () => feed.settle(),
    };
    const tail = followLog({
      ...common,
      from: ends,
      restFactor: 0,
      onSlice: (slice) => takeIn(slice, false),
      onTrouble: (reason) => (trouble = reason),
    });
    const scan = followLog({
      ...common,
      from: scanFrom,
      until: ends,
      restFactor: SCAN_REST_FACTOR,
      onSlice: (slice) => takeIn(slice, true),
      // The tail's trouble is the one that counts; a scan that cannot go on only leaves last values out.
      onTrouble: () => undefined,
    });
    await Promise.all([tail, scan]);
  }

  return {
    async start() {
      const { partitions } = await log.status();
      const followed = partitions.filter(({ topic }) => FOLLOWED.includes(topic));
      const perPartition = Math.ceil(limits.scanRecordsMax / Math.max(1, followed.length));
      const ends = followed.map(({ topic, partition, endOffset }) => ({ topic, partition, offset: endOffset }));
      const scanFrom = followed
        .filter(({ startOffset, endOffset }) => startOffset < endOffset)
        .map(({ topic, partition, startOffset, endOffset }) => ({
          topic,
          partition,
          offset: Math.max(startOffset, endOffset - perPartition),
        }));
      trouble = null;
      running = follow(ends, scanFrom).catch((error: unknown) => {
        trouble = `stopped reading the log: ${errorText(error)}`;
        logger.error({ err: error }, "The dashboard stopped reading the log.");
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
    notReadyReasons: () => (trouble === null ? [] : [`dashboard: ${trouble}`]),
  };
}
