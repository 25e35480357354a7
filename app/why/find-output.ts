import { aggregateSchema, alarmEventSchema, deadLetterSchema } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import { deviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { describeEvent, describeReading } from "./describe-output.ts";
import { firstFrom, heldRange, offsetAtTime, readForward } from "./read-forward.ts";
import type { LogRecord } from "../../core/record.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { AlarmStore } from "../../core/registry.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { WhyQuestion } from "../../core/why.ts";
import type { HeldRange, WhyLog } from "./read-forward.ts";

/** An output, and what tells its causes. */
export interface FoundOutput {
  readonly key: string;
  readonly topic: "alarms" | "aggregates" | "readings" | "device-events" | "dead-letters";
  readonly value: Record<string, unknown>;
  readonly source: SourcePosition;
  readonly functionVersion: string;
  readonly madeAt: number;
  /** No message received before this is of interest, UTC ms. */
  readonly since: number;
  /** Whether the output was made of this reading. */
  isCause(reading: Pick<Reading, "ts" | "metrics">): boolean;
  /** Tells the output among those that are made when its messages are run again. */
  isSame(value: unknown): boolean;
}

export interface OutputPlaces {
  readonly log: WhyLog;
  readonly alarms: Pick<AlarmStore, "get">;
}

export type Described = Pick<FoundOutput, "since" | "isCause" | "isSame"> & { readonly value: Record<string, unknown> };

/** What to look for in a partition of a topic. */
interface Search {
  readonly topic: FoundOutput["topic"];
  readonly key: string | null;
  readonly partition: number;
  /** Receive time from which on it may lie there, UTC ms; that of a dead letter is likely only: stages that lag write among those that do not. */
  readonly since: number;
  /** Where the last of it is looked for: a window may have been corrected. */
  readonly takesLast: boolean;
  describe(record: LogRecord): Described | null;
}

/** A device's clock may be so far ahead of ours: nothing of an event time is received earlier. */
const AHEAD_MS = LIMITS.eventTimeAheadMsMax;

/** Finds the output in the log. NOT_FOUND. */
export async function findOutput(places: OutputPlaces, tenant: string, question: WhyQuestion): Promise<FoundOutput> {
  const search = await searchOf(places, tenant, question);
  const range = await heldRange(places.log, search.topic, search.partition);
  const from = await offsetAtTime(places.log, range, search.since);
  let found = await lookIn(places.log, tenant, search, { ...range, start: from });
  if (found === null && search.topic === "dead-letters") {
    found = await lookIn(places.log, tenant, search, { ...range, end: from });
  }
  if (found !== null) return found;
  throw new MillraceError("NOT_FOUND", `the log holds no such ${question.kind}`, {
    remedy: "Look for it with `millrace query`. What is older than the log's retention cannot be explained.",
  });
}

/** NOT_FOUND when a replay has withdrawn it, and nothing has put it back since. */
async function lookIn(log: WhyLog, tenant: string, search: Search, range: HeldRange): Promise<FoundOutput | null> {
  let found: (FoundOutput & { readonly position: string }) | null = null;
  let withdrawnAt: number | null = null;
  await readForward(log, range, { from: range.start, to: range.end }, (record) => {
    if ((search.key !== null && record.key !== search.key) || record.key === null || isControlRecord(record))
      return false;
    const described = search.describe(record);
    const position = record.header(HEADER.source) ?? "";
    const source = parseSourcePosition(position);
    if (described === null && found !== null && record.header(HEADER.replaces) === found.position) {
      [found, withdrawnAt] = [null, record.timestamp];
    }
    if (described === null || source === null || described.value["tenant"] !== tenant) return false;
    const { key, timestamp: madeAt } = record;
    const functionVersion = record.header(HEADER.functionVersion) ?? "";
    found = { ...described, key, topic: search.topic, source, functionVersion, madeAt, position };
    return !search.takesLast;
  });
  if (found === null && withdrawnAt !== null) throw withdrawn(withdrawnAt);
  return found;
}

function withdrawn(at: number): MillraceError {
  const text = `the replay of ${new Date(at).toISOString()} has withdrawn this: its version makes no such reading, and none is stored`;
  return new MillraceError("NOT_FOUND", text, {
    remedy: "`millrace replay FUNCTION@VERSION` with the version that made it puts it back.",
  });
}

async function searchOf({ log, alarms }: OutputPlaces, tenant: string, question: WhyQuestion): Promise<Search> {
  switch (question.kind) {
    case "alarm": {
      const alarm = await alarms.get(tenant, question.id);
      if (alarm === null)
        throw new MillraceError("NOT_FOUND", `there is no alarm ${question.id}`, {
          remedy: "`millrace query alarms` lists them with their ids.",
        });
      const key = deviceKey(tenant, alarm.device);
      const since = alarm.raisedAt - AHEAD_MS;
      return {
        topic: "alarms",
        key,
        partition: partitionOf(key, log.partitionCount),
        since,
        takesLast: false,
        describe: (record) => alarmOf(record, question),
      };
    }
    case "aggregate": {
      const key = deviceKey(tenant, question.device);
      const since = question.start - AHEAD_MS;
      return {
        topic: "aggregates",
        key,
        partition: partitionOf(key, log.partitionCount),
        since,
        takesLast: true,
        describe: (record) => aggregateOf(record, question),
      };
    }
    case "reading":
    case "event": {
      const key = deviceKey(tenant, question.device);
      return {
        topic: question.kind === "reading" ? "readings" : "device-events",
        key,
        partition: partitionOf(key, log.partitionCount),
        since: question.ts - AHEAD_MS,
        takesLast: question.kind === "reading",
        describe: (record) =>
          question.kind === "reading" ? describeReading(record, question) : describeEvent(record, question),
      };
    }
    case "dead-letter":
      // Its key is not known; its partition is that of the record on which the function failed.
      return {
        topic: "dead-letters",
        key: null,
        partition: question.partition,
        since: (await receivedAt(log, question)) - AHEAD_MS,
        takesLast: false,
        describe: (record) => deadLetterOf(record, question),
      };
  }
}

/** Receive time of the record on which the function failed, which its dead letter has too; 0 where the log does not hold it. */
async function receivedAt(log: WhyLog, { topic, partition, offset }: Extract<WhyQuestion, { kind: "dead-letter" }>) {
  const record = await firstFrom(log, await heldRange(log, topic, partition), offset);
  return record?.timestamp ?? 0;
}

function alarmOf(record: LogRecord, { id, transition }: Extract<WhyQuestion, { kind: "alarm" }>): Described | null {
  const { data } = alarmEventSchema.safeParse(parseJson(record.value));
  if (data === undefined || data.id !== id || data.transition !== transition) return null;
  return {
    value: data,
    since: data.since - AHEAD_MS,
    isCause: ({ ts, metrics }) =>
      ts >= data.since && ts <= data.ts && (data.metric === undefined || Object.hasOwn(metrics, data.metric)),
    isSame: (value) => {
      const again = alarmEventSchema.safeParse(value).data;
      return again?.id === id && again.transition === transition;
    },
  };
}

function aggregateOf(record: LogRecord, question: Extract<WhyQuestion, { kind: "aggregate" }>): Described | null {
  const { metric, start, size } = question;
  const { data } = aggregateSchema.safeParse(parseJson(record.value));
  if (data === undefined || data.metric !== metric || data.start !== start || data.size !== size) return null;
  return {
    value: data,
    since: start - AHEAD_MS,
    isCause: ({ ts, metrics }) => ts >= start && ts < start + size && typeof metrics[metric] === "number",
    isSame: (value) => {
      const again = aggregateSchema.safeParse(value).data;
      return (
        again?.metric === metric && again.start === start && again.size === size && again.revision === data.revision
      );
    },
  };
}

function deadLetterOf(
  record: LogRecord,
  { topic, offset, function: of }: Extract<WhyQuestion, { kind: "dead-letter" }>,
): Described | null {
  const { data } = deadLetterSchema.safeParse(parseJson(record.value));
  if (data === undefined || data.source.topic !== topic || data.source.offset !== offset) return null;
  if (of !== undefined && data.function !== of) return null;
  return {
    value: data,
    // Its cause is one record; what came before shows the state that it met.
    since: data.received - LIMITS.whyStateMs,
    isCause: () => false,
    isSame: (value) => {
      const again = deadLetterSchema.safeParse(value).data;
      return again !== undefined && again.function === data.function && again.error === data.error;
    },
  };
}
