import { deadLetterSchema } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import { deviceKey } from "../../core/ids.ts";
import { isReading } from "../../core/is-reading.ts";
import { isRepartitioned } from "../../core/is-repartitioned.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { parseSourcePosition, type SourcePosition } from "../../core/source-position.ts";
import { JOINS_STAGE } from "../../core/stage.ts";
import { firstFrom, heldRange, offsetAtTime, readForward, type WhyLog } from "./read-forward.ts";
import type { LogRecord } from "../../core/record.ts";
import type { JoinedQuestion } from "../../core/why.ts";

/** An output of a join as it stands in the log. */
export interface JoinedOutput {
  readonly topic: "readings" | "dead-letters";
  readonly value: Readonly<Record<string, unknown>>;
  /** `tenant/key`. */
  readonly key: string;
  readonly source: SourcePosition;
  readonly functionVersion: string;
  readonly madeAt: number;
  /** Event time of its later reading. */
  readonly ts: number;
}

type Described = Pick<JoinedOutput, "value" | "ts">;

/** A device's clock may be so far ahead of ours: nothing of an event time is received earlier. */
const AHEAD_MS = LIMITS.eventTimeAheadMsMax;

/** Finds the output in the log; of several the last. NOT_FOUND; INVALID_INPUT when no join made it. */
export async function findJoined(log: WhyLog, tenant: string, question: JoinedQuestion): Promise<JoinedOutput> {
  const isOfReading = question.kind === "reading";
  const key = isOfReading ? deviceKey(tenant, question.device) : null;
  const topic = isOfReading ? "readings" : "dead-letters";
  const partition = isOfReading
    ? partitionOf(deviceKey(tenant, question.device), log.partitionCount)
    : question.partition;
  const failedAt = isOfReading ? null : await timeOf(log, question.partition, question.offset);
  const range = await heldRange(log, topic, partition);
  // Dead letters are few, and stages that lag write among those that do not.
  const from = isOfReading ? await offsetAtTime(log, range, question.ts - AHEAD_MS) : range.start;
  let found: JoinedOutput | null = null;
  await readForward(log, range, { from, to: range.end }, (record) => {
    if (record.key === null || (key !== null && record.key !== key) || isControlRecord(record)) return false;
    const described = isOfReading ? readingOf(record, question) : letterOf(record, tenant, question.offset, failedAt);
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    if (described === null || source === null) return false;
    const { key: of, timestamp: madeAt } = record;
    const functionVersion = record.header(HEADER.functionVersion) ?? "";
    found = { ...described, topic, key: of, source, functionVersion, madeAt };
    return false;
  });
  return ofJoin(found, question.kind);
}

function ofJoin(found: JoinedOutput | null, kind: JoinedQuestion["kind"]): JoinedOutput {
  if (found === null) {
    throw new MillraceError("NOT_FOUND", `the log holds no such ${kind}`, {
      remedy: "Look for it with `millrace query`. What is older than the log's retention cannot be explained.",
    });
  }
  if (found.source.stage === JOINS_STAGE.name) return found;
  throw new MillraceError(
    "INVALID_INPUT",
    `only readings that a join made are explained, and this is of stage ${found.source.stage}`,
    {
      remedy: "Run the function over that time with `millrace backtest`: it shows what it makes of which readings.",
    },
  );
}

/** Event time of the record on which the join failed. Null where it is gone. */
async function timeOf(log: WhyLog, partition: number, offset: number): Promise<number | null> {
  const record = await firstFrom(log, await heldRange(log, JOINS_STAGE.input, partition), offset);
  const value = record?.offset === offset ? parseJson(record.value) : null;
  return isRepartitioned(value) ? value.ts : null;
}

function readingOf(record: LogRecord, { ts, metric }: Extract<JoinedQuestion, { kind: "reading" }>): Described | null {
  const value = parseJson(record.value);
  if (!isReading(value) || value.ts !== ts || !Object.hasOwn(value.metrics, metric)) return null;
  return { value: { ...value }, ts };
}

function letterOf(record: LogRecord, tenant: string, offset: number, failedAt: number | null): Described | null {
  const { data } = deadLetterSchema.safeParse(parseJson(record.value));
  if (data === undefined || data.tenant !== tenant) return null;
  if (data.source.topic !== JOINS_STAGE.input || data.source.offset !== offset) return null;
  return { value: data, ts: failedAt ?? data.received };
}
