import { join } from "node:path";
import { controlSchema } from "../../../core/control.ts";
import { MillraceError } from "../../../core/errors.ts";
import { deviceKey } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parseJson } from "../../../core/parse-json.ts";
import { partitionOf } from "../../../core/partitioner.ts";
import { HEADER, isControlRecord } from "../../../core/record.ts";
import { REPLAY_STAGE, stageJournalName } from "../../../core/stage.ts";
import { readEmbeddedLog, type ReadableLog } from "../../../log/embedded/read-embedded-log.ts";
import { logReading, sourceOf } from "./log-reading.ts";
import { mergeByReceiveTime } from "./merge-by-receive-time.ts";
import type { DeviceState } from "../../../core/control.ts";
import type { DeviceType } from "../../../core/device-type.ts";
import type { FetchedSlice, PartitionStatus } from "../../../core/event-log.ts";
import type { TopicName } from "../../../core/topics.ts";
import type { DeviceConfiguration, LogExtent, PastReading, ReadingHistory, TimeRange } from "./reading-history.ts";

/** Where reading begins. */
type TopicStart = Pick<PartitionStatus, "topic" | "partition" | "startOffset">;

const OF_REPLAYS = `${REPLAY_STAGE} `;

/**
 * The readings that the log of a data directory keeps, beside the instance that writes it or without one. Errors: NOT_FOUND where there is no
 * log, and those of `readEmbeddedLog`.
 */
export async function openLogHistory(data: string): Promise<ReadingHistory> {
  const log = await readEmbeddedLog(directoryOf(data));
  try {
    const extent = { data, end: log.end, partitions: log.partitions("readings") };
    return { ...historyOf(log, extent, await readConfiguration(log)), since: await keptSince(log) };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Some partitions of a log that somebody has opened, in the same or another thread. Errors: as there. */
export async function openLogPart(extent: LogExtent, configuration: DeviceConfiguration): Promise<ReadingHistory> {
  return historyOf(await readEmbeddedLog(directoryOf(extent.data), extent.end), extent, configuration);
}

function directoryOf(data: string): string {
  return join(data, "log");
}

function historyOf(log: ReadableLog, extent: LogExtent, configuration: DeviceConfiguration): ReadingHistory {
  const starts = extent.partitions.map(({ partition, startOffset }) => ({ topic: "readings", partition, startOffset }));
  return {
    place: `the log in ${directoryOf(extent.data)}`,
    isExact: true,
    since: 0,
    configuration,
    log: extent,
    read: (range, devices) => readReadings(log, starts, range, devices),
    readByReceiveTime: (range) => readMerged(log, starts, range),
    close: () => log.close(),
  };
}

async function* readReadings(
  log: ReadableLog,
  starts: readonly TopicStart[],
  range: TimeRange,
  devices?: ReadonlySet<string>,
): AsyncGenerator<readonly PastReading[], void> {
  const replaced = await replacedReadings(log, starts);
  for await (const slice of readPartitions(log, starts, LIMITS.fetchBytesMax)) {
    const found = pastReadings(slice, replaced, range);
    yield devices === undefined ? found : found.filter(({ reading }) => devices.has(reading.device));
  }
}

/** A reader for each partition: one may be far ahead of another. Together they hold as much as the one of `read`. */
async function* readMerged(
  log: ReadableLog,
  starts: readonly TopicStart[],
  range: TimeRange,
): AsyncGenerator<readonly PastReading[], void> {
  const replaced = await replacedReadings(log, starts);
  const bytesMax = Math.ceil(LIMITS.fetchBytesMax / starts.length);
  const standing = async function* (of: TopicStart): AsyncGenerator<readonly PastReading[], void> {
    for await (const slice of readPartitions(log, [of], bytesMax)) yield pastReadings(slice, replaced, range);
  };
  yield* mergeByReceiveTime(starts.map(standing));
}

/** Source positions of those whose place a correction has taken, which comes later: in the same partition, since it is of the same device. */
async function replacedReadings(log: ReadableLog, starts: readonly TopicStart[]): Promise<ReadonlySet<string>> {
  const replaced = new Set<string>();
  // Nearly every log has none, and the corrections of others stand behind all else.
  if (!log.hasJournal(stageJournalName(REPLAY_STAGE))) return replaced;
  for await (const { records } of readPartitions(log, starts, LIMITS.fetchBytesMax)) {
    for (const record of records) {
      if (!sourceOf(record).startsWith(OF_REPLAYS)) continue;
      const replaces = record.header(HEADER.replaces);
      if (replaces !== undefined) replaced.add(replaces);
    }
  }
  return replaced;
}

function pastReadings(
  { partition, records }: FetchedSlice,
  replaced: ReadonlySet<string>,
  range: TimeRange,
): readonly PastReading[] {
  const standing = replaced.size === 0 ? records : records.filter((record) => !replaced.has(sourceOf(record)));
  return standing.flatMap((record) => logReading(record, partition, range) ?? []);
}

async function keptSince(log: ReadableLog): Promise<number> {
  if (log.partitions("readings").every(({ startOffset }) => startOffset === 0)) return 0;
  // Retention goes by the order in which records came: the first ones that are left are about equally old.
  for await (const { records } of readTopic(log, "readings")) if (records[0] !== undefined) return records[0].timestamp;
  return 0;
}

/** Types and devices as their last control records say. What retention has deleted of these is not known. */
async function readConfiguration(log: ReadableLog): Promise<DeviceConfiguration> {
  const types = new Map<string, DeviceType | null>();
  const devices = new Map<string, DeviceState | null>();
  for await (const { records } of readTopic(log, "telemetry")) {
    for (const record of records) {
      const control = isControlRecord(record) ? controlSchema.safeParse(parseJson(record.value)).data : undefined;
      if (control?.kind === "device-type") {
        types.set(deviceKey(control.type.tenant, control.type.id), control.removed ? null : control.type);
      } else if (control?.kind === "device") {
        devices.set(deviceKey(control.device.tenant, control.device.id), control.removed ? null : control.device);
      }
    }
  }
  const known = present(devices);
  return { types: present(types), devices: known, byPartition: byPartition(known, log.partitions("readings").length) };
}

function byPartition(devices: readonly DeviceState[], partitionCount: number): Map<number, DeviceState[]> {
  const parts = new Map(
    Array.from({ length: partitionCount }, (_, partition): [number, DeviceState[]] => [partition, []]),
  );
  for (const device of devices)
    parts.get(partitionOf(deviceKey(device.tenant, device.id), partitionCount))?.push(device);
  return parts;
}

function present<Value>(values: ReadonlyMap<string, Value | null>): readonly Value[] {
  return [...values.values()].filter((value) => value !== null);
}

function readTopic(log: ReadableLog, topic: TopicName): AsyncGenerator<FetchedSlice, void> {
  return readPartitions(log, log.partitions(topic), LIMITS.fetchBytesMax);
}

/** From where retention has come to up to the end as of now. */
async function* readPartitions(
  log: ReadableLog,
  partitions: readonly TopicStart[],
  bytesMax: number,
): AsyncGenerator<FetchedSlice, void> {
  const reader = log.openReader(
    partitions.map(({ topic, partition, startOffset: offset }) => ({ topic, partition, offset })),
  );
  try {
    for (;;) {
      const slices = await reader.poll({ bytesMax, waitMs: 0 });
      if (slices.length === 0) return;
      yield* slices;
    }
  } catch (cause) {
    throw new MillraceError(
      "LOG_IO",
      `the log cannot be read further: ${cause instanceof Error ? cause.message : ""}`,
      {
        cause,
        remedy: "Where retention has passed the place that was read, try again.",
      },
    );
  } finally {
    reader.close();
  }
}
