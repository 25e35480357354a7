import { controlSchema, type ControlRecord } from "../../core/control.ts";
import { madeControlRecord } from "../../core/made-record.ts";
import { functionsStage } from "../../core/functions-stage.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { KeptRecords } from "./kept-records.ts";
import { heldRange, offsetAtTime, readForward, type WhyLog } from "./read-forward.ts";
import type { FunctionKind } from "../../core/function-store.ts";
import type { FoundOutput } from "./find-output.ts";

type Deploy = Extract<ControlRecord, { kind: "deploy" }>;

export interface FunctionRecords {
  /** Those of the device that the stage runs, and control records, the last one the output's. */
  readonly records: readonly LogRecord[];
  readonly read: number;
  /** The last deploy of the function that lies before them; null when none was read. */
  readonly deployBefore: Deploy | null;
  /** The last deploy before the output; null when none was read. */
  readonly deploy: Deploy | null;
  /** Whether the log's first record was among what was read. */
  readonly isFromBeginning: boolean;
  /** Whether that is the first of `records`: then these tell all configuration themselves. */
  readonly isWhole: boolean;
  /** Why not all that may have had a part in the output was read. */
  readonly cut: "retention" | "length" | null;
}

export interface FunctionRecordsCeilings {
  readonly whyRecordsMax: number;
  readonly whyKeptBytesMax: number;
}

/**
 * What a user's function may have made an output of. Of a map that is one record; of a window what may lie in it; what keeps state may have kept
 * something of every record. For what keeps state the deploys before are read too, as far back as the ceiling lets.
 */
export async function functionRecords(
  log: WhyLog,
  output: FoundOutput,
  { kind, name }: { readonly kind: FunctionKind; readonly name: string },
  ceilings: FunctionRecordsCeilings = LIMITS,
): Promise<FunctionRecords> {
  const { source, key } = output;
  const range = await heldRange(log, source.topic, source.partition);
  const isMap = kind === "map";
  const scanFrom = isMap ? source.offset : Math.max(range.start, source.offset + 1 - ceilings.whyRecordsMax);
  const from =
    output.topic === "aggregates" ? Math.max(scanFrom, await offsetAtTime(log, range, output.since)) : scanFrom;
  const kept = new KeptRecords(ceilings.whyKeptBytesMax);
  const ran = `${functionsStage(source.stage).source ?? ""} `;
  let deployBefore: Deploy | null = null;
  let deploy: Deploy | null = null;
  const read = await readForward(
    log,
    range,
    { from: scanFrom, to: Math.min(range.end, source.offset + 1) },
    (record) => {
      if (isControlRecord(record)) {
        const control = ownControl(record, { stage: source.stage, name, key });
        if (control?.kind === "deploy") {
          deploy = control;
          if (record.offset < from) deployBefore = control;
        }
        const stands = control === null ? madeControlRecord(record.offset, record.timestamp, TICK) : record;
        if (record.offset >= from) kept.add(stands);
      } else if (record.offset === source.offset) kept.add(record);
      else if (record.offset >= from && record.key === key && record.header(HEADER.source)?.startsWith(ran) === true)
        kept.add(record);
      return false;
    },
  );
  const isShort = !isMap && output.topic !== "aggregates" && scanFrom > range.start;
  const isGone = source.offset < range.start || (!isMap && from === range.start && range.start > 0);
  return {
    records: kept.records,
    read,
    deployBefore,
    deploy,
    isFromBeginning: scanFrom === 0,
    isWhole: from === 0,
    cut: isGone ? "retention" : isShort ? "length" : null,
  };
}

const TICK: ControlRecord = { v: 1, kind: "tick" };

/** Null for what other functions, stages or devices are told: it only moves time here. */
function ownControl(
  record: LogRecord,
  { stage, name, key }: { readonly stage: string; readonly name: string; readonly key: string },
): ControlRecord | null {
  const kind = record.header(HEADER.controlKind);
  const control = controlSchema.safeParse(parseJson(record.value)).data ?? null;
  if (kind === "deploy") {
    return control?.kind === "deploy" && control.stage === stage && control.function.name === name ? control : null;
  }
  if (kind === "redrive") {
    if (control?.kind !== "redrive" || control.stage !== stage) return null;
    return `${control.tenant}/${control.device}` === key ? control : null;
  }
  return control;
}
