import { isDeepStrictEqual } from "node:util";
import { isRepartitioned } from "../../core/is-repartitioned.ts";
import { LIMITS } from "../../core/limits.ts";
import { madeRecord, type MadeRecordFields } from "../../core/made-record.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { parseJson } from "../../core/parse-json.ts";
import { JOINS_STAGE } from "../../core/stage.ts";
import { createStagePartition, type UnitDraft } from "../../engine/stage-partition.ts";
import { joinKey } from "../../engine/key-state.ts";
import { isJoin, joinStage } from "../../kit/function-stages.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { configuredState } from "../functions/configured-state.ts";
import type { LogRecord } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { ExplainedMessage } from "../../core/why.ts";
import type { DeviceConfiguration } from "../functions/history/reading-history.ts";

/** An output of a join, and the records of `repartition` that it was made of. Only plain values: it goes to a thread of its own. */
export interface JoinAgainRequest {
  readonly function: { readonly name: string; readonly version: number; readonly code: string };
  readonly partition: number;
  readonly partitionCount: number;
  /** `tenant/key`. */
  readonly key: string;
  readonly configuration: DeviceConfiguration;
  /** Of the key and the function, with the control records between them, and the one that made the output, which is the last. */
  readonly records: readonly MadeRecordFields[];
  readonly output: { readonly topic: "readings" | "dead-letters"; readonly value: Readonly<Record<string, unknown>> };
  /** Event time [from, to] of what it can have been made of. */
  readonly causes: { readonly from: number; readonly to: number };
}

export interface JoinAgainAnswer {
  /** What was sent to be joined, by offset. */
  readonly messages: readonly Pick<ExplainedMessage, "offset" | "outcome" | "isCause">[];
  /** Around the last record. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
  readonly isReproduced: boolean;
}

interface Step {
  readonly record: LogRecord;
  readonly outcome: ExplainedMessage["outcome"];
  readonly outputs: readonly { readonly topic: string; readonly value: unknown }[];
  readonly before: JoinAgainAnswer["before"];
  readonly after: JoinAgainAnswer["after"];
}

/**
 * Makes an output of a join again. A reading had a part in it when the output is not made without it: so what is told of a pair is its two readings, however
 * many others are near them.
 */
export function joinAgain(request: JoinAgainRequest): JoinAgainAnswer {
  const { output, causes } = request;
  const stage = stageOf(request);
  const records = request.records.map(madeRecord);
  const steps = run(request, stage, records);
  const last = steps.at(-1);
  const made = countMade(steps, output);
  const own = steps.filter(({ record }) => isOwn(request, record));
  const candidates = own.filter(({ record, outcome }) => {
    const ts = timeOf(record);
    return outcome !== "duplicate" && ts >= causes.from && ts <= causes.to;
  });
  const isCause = ({ record }: Step): boolean => {
    // Sent again after a crash, it would stand in for itself.
    const source = record.header(HEADER.source);
    const without = records.filter(
      (one) => one !== record && (source === undefined || one.header(HEADER.source) !== source),
    );
    return countMade(run(request, stage, without), output) < made;
  };
  const parts = new Set(made === 0 ? [] : candidates.slice(-LIMITS.whyPartnersMax).filter(isCause));
  return {
    messages: own.map((step) => {
      return { offset: step.record.offset, outcome: step.outcome, isCause: parts.has(step) };
    }),
    before: { ...last?.before },
    after: { ...last?.after },
    isReproduced: last !== undefined && last.outputs.some((one) => isSame(output, one, true)),
  };
}

function stageOf({ function: { name, version, code } }: JoinAgainRequest): StageDefinition {
  const join = loadFunctions(code).find((fn) => fn.name === name && isJoin(fn));
  const stage = join === undefined ? null : joinStage([{ ...join, version }]);
  if (stage === null) throw new TypeError(`the code of ${name}@${version} exports no join "${name}"`);
  return { ...JOINS_STAGE, functions: stage.functions.map((fn) => ({ ...fn, version })) };
}

function run(request: JoinAgainRequest, stage: StageDefinition, records: readonly LogRecord[]): readonly Step[] {
  const { partition, partitionCount, configuration } = request;
  const options = { stage, partition, partitionCount, generation: 0 };
  const state = createStagePartition(options, configuredState(options, configuration, records[0]?.offset ?? 0));
  let slots: Readonly<Record<string, unknown>> = {};
  return records.map((record) => {
    const before = slots;
    const drafts: UnitDraft[] = [];
    const seal = (): void => {
      const draft = state.seal();
      if (draft === null) return;
      drafts.push(draft);
      slots = withSlots(request, slots, draft);
    };
    while (!state.process(record)) seal();
    seal();
    const outputs = drafts.flatMap((draft) => {
      return [...draft.outputs].flatMap(([topic, some]) =>
        some.map(({ value }) => ({ topic, value: parseJson(value) })),
      );
    });
    return { record, outcome: outcomeOf(drafts), outputs, before, after: slots };
  });
}

function withSlots(
  { key, function: { name: fn } }: JoinAgainRequest,
  slots: Readonly<Record<string, unknown>>,
  { body }: UnitDraft,
): Readonly<Record<string, unknown>> {
  const next: Record<string, unknown> = { ...slots };
  for (const slot of body.slots) {
    if (slot.fn !== fn || slot.key !== joinKey(key, fn)) continue;
    if (slot.value === null) delete next[slot.name];
    else next[slot.name] = parseJson(slot.value);
  }
  return next;
}

/** What came a second time, or of a key that is disabled, is counted as if it were no message. */
function outcomeOf(drafts: readonly UnitDraft[]): ExplainedMessage["outcome"] {
  const counted = drafts.flatMap(({ body }) => body.outcomes.map(([, outcomes]) => outcomes));
  if (counted.some(({ deadLettered = 0 }) => deadLettered > 0)) return "deadLettered";
  return counted.some(({ processed = 0 }) => processed > 0) ? "processed" : "duplicate";
}

function isOwn({ key, function: { name } }: JoinAgainRequest, record: LogRecord): boolean {
  if (record.key !== key || isControlRecord(record)) return false;
  const value = parseJson(record.value);
  return isRepartitioned(value) && value.function === name;
}

function timeOf({ value }: LogRecord): number {
  const sent = parseJson(value);
  return isRepartitioned(sent) ? sent.ts : NaN;
}

function countMade(steps: readonly Step[], output: JoinAgainRequest["output"]): number {
  return steps.reduce((sum, { outputs }) => sum + outputs.filter((one) => isSame(output, one, false)).length, 0);
}

/** `whole`: received then, too. Where an input stands, and the stack within this release, are no part of what was computed. */
function isSame(
  { topic, value }: JoinAgainRequest["output"],
  again: { readonly topic: string; readonly value: unknown },
  whole: boolean,
): boolean {
  if (again.topic !== topic || typeof again.value !== "object" || again.value === null) return false;
  const without = { stack: undefined, ...(whole ? {} : { received: undefined, source: undefined }) };
  return isDeepStrictEqual({ ...value, ...without }, { ...again.value, ...without });
}
