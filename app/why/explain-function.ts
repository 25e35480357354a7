import { isDeepStrictEqual } from "node:util";
import { controlSchema, type ControlRecord } from "../../core/control.ts";
import { WHOLE_SHARE, canaryName } from "../../core/canary.ts";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { JOINS_STAGE } from "../../core/stage.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { isReading } from "../../core/is-reading.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { functionRecords, type FunctionRecords, type FunctionRecordsCeilings } from "./function-records.ts";
import { inputsOf, shortened, sourceOf, withoutPlace } from "./explained-parts.ts";
import { runInProcess } from "./run-in-process.ts";
import type { FunctionKind, FunctionStore } from "../../core/function-store.ts";
import type { LogRecord } from "../../core/record.ts";
import type { ExplainedMessage, Explanation } from "../../core/why.ts";
import type { FoundOutput } from "./find-output.ts";
import type { FunctionRunResult } from "./function-run.ts";
import type { WhyLog } from "./read-forward.ts";

export interface FunctionSources {
  readonly log: WhyLog;
  readonly functions: Pick<FunctionStore, "versions" | "code">;
}

/**
 * Explains what a user's function has made, by running the versions that were deployed then over the device's readings, in a process of their own.
 * INVALID_INPUT for joins, NOT_FOUND where no code of the version is left, TIMED_OUT.
 */
export async function explainFunction(
  { log, functions }: FunctionSources,
  output: FoundOutput,
  /** Of the registry: held before the first record that is read. */
  configuration: ControlRecord,
  ceilings: FunctionRecordsCeilings = LIMITS,
): Promise<Explanation> {
  const [name = "", version = ""] = output.functionVersion.split("@");
  const kind = await kindOf(functions, name, Number(version));
  if (output.source.stage === JOINS_STAGE.name || kind === "join") throw ofJoin(name);
  const found = await functionRecords(log, output, { kind, name }, ceilings);
  if (!found.records.some(({ offset }) => offset === output.source.offset)) throw recordGone(output);
  const deploy = found.deployBefore ?? (await assumedDeploy(functions, output, found));
  const result = await runInProcess({
    stage: output.source.stage,
    partition: output.source.partition,
    key: output.key,
    function: name,
    before: [...(found.isWhole ? [] : [configuration]), ...(deploy === null ? [] : [deploy])],
    records: found.records.map(({ offset, timestamp, key, value, headers: of }) => {
      return { offset, timestamp, key, value, headers: of() };
    }),
  });
  return explanationOf(output, found, result, notesOf(output, found, deploy === found.deployBefore));
}

/** Of a version that the registry does not know nobody can say more than that it may keep something. */
async function kindOf(functions: FunctionSources["functions"], name: string, version: number): Promise<FunctionKind> {
  try {
    return (await functions.versions(name)).find((one) => one.version === version)?.kind ?? "stream";
  } catch (error) {
    if (!isMillraceError(error, "NOT_FOUND")) throw error;
    return "stream";
  }
}

/** That the version ran before the first record, where the log does not tell which one did. Null where the log tells all. NOT_FOUND. */
async function assumedDeploy(
  functions: FunctionSources["functions"],
  output: FoundOutput,
  { deploy, isFromBeginning }: FunctionRecords,
): Promise<ControlRecord | null> {
  if (isFromBeginning) return null;
  const { source, functionVersion } = output;
  const [name = "", version = ""] = functionVersion.split("@");
  try {
    const code = await functions.code(name, Number(version));
    const assumed = { v: 1, kind: "deploy", revision: 0, stage: source.stage, removed: false, function: code } as const;
    // What it ran beside is not known, and makes nothing of its dead letter.
    return isOfCanary(output) ? { ...assumed, canary: { ...code, share: WHOLE_SHARE } } : assumed;
  } catch (error) {
    if (!isMillraceError(error, "NOT_FOUND")) throw error;
    if (deploy !== null) return null;
    throw new MillraceError(
      "NOT_FOUND",
      `the code of ${functionVersion}, which made this, is neither in the log nor in the registry`,
      {
        remedy: "What a version made whose code is gone cannot be explained. See millrace versions.",
        cause: error,
      },
    );
  }
}

/** Of what a canary makes its dead letters alone have its name. */
function isOfCanary({ functionVersion, topic, value }: FoundOutput): boolean {
  const [name = ""] = functionVersion.split("@");
  return topic === "dead-letters" && value["function"] === canaryName(name);
}

function explanationOf(
  output: FoundOutput,
  { records, read }: FunctionRecords,
  { outputs, before, after, failed }: FunctionRunResult,
  notes: readonly string[],
): Explanation {
  const { source, value, topic } = output;
  const again = outputs.find((one) => one.topic === topic && output.isSame(one.value));
  const isReproduced = again !== undefined && isDeepStrictEqual(withoutPlace(again.value), withoutPlace(value));
  const causes = new Set(topic === "dead-letters" ? [source.offset] : again?.causes);
  const messages = records.flatMap((record) => {
    const value = readingOf(record, output);
    return value === null ? [] : [explainedReading(record, value, causes, failed)];
  });
  return {
    output: value,
    topic,
    function: output.functionVersion,
    madeAt: output.madeAt,
    source: sourceOf(source),
    messages: [...shortened(messages)],
    inputs: inputsOf(messages),
    counts: { causes: messages.filter(({ isCause }) => isCause).length, messages: messages.length, records: read },
    before,
    after,
    isReproduced,
    notes: [
      ...notes,
      ...(messages.length > LIMITS.whyMessagesMax
        ? [`Of ${messages.length} readings the first and the last ${LIMITS.whyMessagesMax / 2} are listed.`]
        : []),
      ...(isReproduced ? [] : [NOT_REPRODUCED]),
    ],
  };
}

const NOT_REPRODUCED =
  "These readings, run again, do not give this output: state from before them has a part in it, or types or tables that were changed since.";

/** What the record has the function read: of one that runs a dead letter again, the payload with which it does. Null of any other control record. */
function readingOf(record: LogRecord, { key, functionVersion, value }: FoundOutput): Uint8Array | null {
  if (!isControlRecord(record)) return record.key === key ? record.value : null;
  if (record.header(HEADER.controlKind) !== "redrive") return null;
  const control = controlSchema.safeParse(parseJson(record.value)).data;
  const [name] = functionVersion.split("@");
  const isOwn = control?.kind === "redrive" && (control.function === name || control.function === value["function"]);
  return isOwn ? Buffer.from(control.payload, "base64") : null;
}

function explainedReading(
  { offset, timestamp: received }: LogRecord,
  value: Uint8Array,
  causes: ReadonlySet<number>,
  failed: readonly number[],
): ExplainedMessage {
  const reading = parseJson(value);
  return {
    offset,
    received,
    isCause: causes.has(offset),
    outcome: failed.includes(offset) ? "deadLettered" : "processed",
    payload: Buffer.from(value.subarray(0, LIMITS.quarantinePayloadBytesMax)).toString("utf8"),
    readings: isReading(reading) ? [{ ts: reading.ts, metrics: reading.metrics }] : [],
  };
}

function notesOf(output: FoundOutput, { records, deploy, cut }: FunctionRecords, isDeployKnown: boolean): string[] {
  const { functionVersion, source } = output;
  const notes: string[] = [];
  if (cut === "retention") notes.push("Retention has deleted older readings: some that it was made of may be gone.");
  if (cut === "length")
    notes.push("More readings lie before than are looked at: what the function kept of them is missing here.");
  const [name = "", version] = functionVersion.split("@");
  if (deploy?.canary !== undefined && String(deploy.canary.version) === version) {
    notes.push(
      `${functionVersion} was a canary then: it ran for a share of the devices, beside ${name}@${deploy.function.version}.`,
    );
  } else if (isOfCanary(output)) {
    notes.push(`${functionVersion} was a canary then: it ran for a share of the devices.`);
  }
  if (!isDeployKnown && deploy !== null && deploy.function.version !== Number(version) && deploy.canary === undefined) {
    notes.push("The log does not tell which version ran at first.");
  }
  if (records.at(-1)?.header(HEADER.controlKind) === "redrive") {
    notes.push(
      `It was made of a dead letter that was run again: of the payload in record ${source.topic}/${source.partition}/${source.offset}.`,
    );
  }
  return notes;
}

function ofJoin(name: string): MillraceError {
  const text = `${name} is a join: what it made is of readings of several devices, and is not explained yet`;
  return new MillraceError("INVALID_INPUT", text, {
    remedy: "Run it over a fixture of all the devices with `millrace test`: it shows what it makes of which readings.",
  });
}

function recordGone({ functionVersion, source }: FoundOutput): MillraceError {
  const text = `retention has deleted the record ${source.topic}/${source.partition}/${source.offset}, of which ${functionVersion} made this`;
  return new MillraceError("NOT_FOUND", text, {
    remedy: "A longer MILLRACE_LOG_RETENTION_HOURS keeps more from now on.",
  });
}
