import { controlSchema } from "../../core/control.ts";
import { aggregateSchema, deviceEventSchema, readingSchema } from "../../core/derived-records.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { FUNCTIONS_STAGE, MAIN_STAGE } from "../../core/stage.ts";
import { visitTopic } from "../support/log-dump.ts";
import { aggregateLine, readingLine } from "../support/window-expectations.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { OracleMessage } from "../support/oracle-timeline.ts";

/** What the functions have made, as lines by function. */
export interface Made {
  readonly aggregates: string[];
  readonly readings: string[];
  lateDropped: number;
}

/** What the stage has read and what it has made, as it stands in the log. */
export interface StageOutputs {
  /** By partition: what the stage has read since the functions came. */
  readonly messages: ReadonlyMap<number, readonly OracleMessage[]>;
  readonly made: ReadonlyMap<string, Made>;
  readonly deadLetters: number;
  /** Outputs of another version than the one that was live where they come from. */
  readonly ofWrongVersion: number;
  /** Readings of the main stage before the functions came to their partition: none may be there. */
  readonly tooEarly: number;
}

/** Offset in `readings` at which versions of functions came, by partition and function. */
type Deploys = Map<string, { readonly offset: number; readonly version: number }[]>;

export async function readStageOutputs(log: EventLog): Promise<StageOutputs> {
  const deploys: Deploys = new Map();
  const messages = new Map<number, OracleMessage[]>();
  const made = new Map<string, Made>();
  let ofWrongVersion = 0;
  let tooEarly = 0;
  let deadLetters = 0;
  const madeBy = (record: LogRecord, partition: number): Made => {
    const [name = "", version] = (record.header(HEADER.functionVersion) ?? "").split("@");
    if (!isOfLiveVersion(deploys.get(`${partition} ${name}`) ?? [], record, Number(version))) ofWrongVersion += 1;
    const own = made.get(name) ?? { aggregates: [], readings: [], lateDropped: 0 };
    made.set(name, own);
    return own;
  };
  await visitTopic(log, "readings", (record, partition) => {
    const own = messages.get(partition) ?? [];
    messages.set(partition, own);
    if (isControlRecord(record)) noteDeploy(deploys, record, partition);
    else if (isOf(record, FUNCTIONS_STAGE.name)) {
      madeBy(record, partition).readings.push(readingLine(readingSchema.parse(valueOf(record))));
    }
    const { message, isEarly } = messageOf(record, deploys, partition);
    own.push(message);
    if (isEarly) tooEarly += 1;
  });
  await visitTopic(log, "aggregates", (record, partition) => {
    if (!isOf(record, FUNCTIONS_STAGE.name)) return;
    madeBy(record, partition).aggregates.push(aggregateLine(aggregateSchema.parse(valueOf(record))));
  });
  await visitTopic(log, "device-events", (record, partition) => {
    if (!isOf(record, FUNCTIONS_STAGE.name)) return;
    if (deviceEventSchema.parse(valueOf(record)).kind === "late-dropped") madeBy(record, partition).lateDropped += 1;
  });
  await visitTopic(log, "dead-letters", () => void (deadLetters += 1));
  return { messages, made, deadLetters, ofWrongVersion, tooEarly };
}

/** What does not come from the main stage only moves partition time. */
function messageOf(record: LogRecord, deploys: Deploys, partition: number) {
  if (isControlRecord(record) || !isOf(record, MAIN_STAGE)) {
    return { message: { device: null, received: record.timestamp, readings: [] }, isEarly: false };
  }
  const { device, ts, metrics } = readingSchema.parse(valueOf(record));
  const message = { device, received: record.timestamp, readings: [{ ts, values: metrics }] };
  const hasFunctions = [...deploys.keys()].some((key) => key.startsWith(`${partition} `));
  return { message, isEarly: !hasFunctions };
}

function noteDeploy(deploys: Deploys, record: LogRecord, partition: number): void {
  const control = controlSchema.parse(valueOf(record));
  if (control.kind !== "deploy") return;
  const { name, version } = control.function;
  const key = `${partition} ${name}`;
  deploys.set(key, [...(deploys.get(key) ?? []), { offset: record.offset, version }]);
}

/** Timers that were due on the way to the deploy are the old version's: at its own offset both may be. */
function isOfLiveVersion(
  deploys: readonly { readonly offset: number; readonly version: number }[],
  record: LogRecord,
  version: number,
): boolean {
  const source = parseSourcePosition(record.header(HEADER.source) ?? "");
  if (source === null) return false;
  const before = deploys.findLast(({ offset }) => offset < source.offset);
  return before?.version === version || deploys.some((one) => one.offset === source.offset && one.version === version);
}

function isOf(record: LogRecord, stage: string): boolean {
  return parseSourcePosition(record.header(HEADER.source) ?? "")?.stage === stage;
}

function valueOf(record: LogRecord): unknown {
  return JSON.parse(new TextDecoder().decode(record.value));
}
