import { canaryName } from "../../core/canary.ts";
import { madeControlRecord, madeRecord, type MadeRecordFields } from "../../core/made-record.ts";
import { functionsStage } from "../../core/functions-stage.ts";
import { parseJson } from "../../core/parse-json.ts";
import { createStagePartition, type StagePartition, type UnitDraft } from "../../engine/stage-partition.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { FunctionTrace } from "./traced-function.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { RestoredState } from "../../engine/state-restore.ts";

/** A function over records of one device, again. Only plain values: it goes to a thread of its own. */
export interface FunctionRunRequest {
  /** Its name in the log. */
  readonly stage: string;
  readonly partition: number;
  readonly key: string;
  readonly function: string;
  /** What held before the first record. */
  readonly before: readonly ControlRecord[];
  /** In order: those of the device that the stage runs, and control records. The last one has made the output. */
  readonly records: readonly MadeRecordFields[];
}

export interface FunctionRunResult {
  /** What the last record made, with the offsets of the records that each was made of. */
  readonly outputs: readonly { readonly topic: string; readonly value: unknown; readonly causes: readonly number[] }[];
  /** Slots of the function before and after the last record. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
  /** Offsets of records on which the function failed. */
  readonly failed: readonly number[];
}

/** Makes an output again, with the versions that were deployed then. */
export function runFunction(request: FunctionRunRequest): FunctionRunResult {
  const { records } = request;
  const run = new FunctionRun(request);
  for (const fields of records.slice(0, -1)) run.step(fields);
  const before = run.slots();
  const last = records.at(-1);
  const outputs = last === undefined ? [] : run.step(last);
  return { outputs, before, after: run.slots(), failed: run.failed };
}

class FunctionRun {
  readonly failed: number[] = [];
  private readonly request: FunctionRunRequest;
  private readonly trace = new FunctionTrace();
  private readonly engine: StagePartition;
  private readonly kept = new Map<string, unknown>();

  constructor(request: FunctionRunRequest) {
    this.request = request;
    const options = {
      stage: functionsStage(request.stage),
      partition: request.partition,
      generation: 0,
      load: (code: string) => loadFunctions(code, { console: SILENT }).map((fn) => this.trace.follow(fn)),
    };
    const [first] = request.records;
    this.engine = createStagePartition(options, stateBefore(options, request.before, first?.offset ?? 0));
  }

  slots(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.kept);
  }

  step(fields: MadeRecordFields): FunctionRunResult["outputs"] {
    const record = madeRecord(fields);
    this.trace.offset = record.offset;
    const drafts: UnitDraft[] = [];
    while (!this.engine.process(record)) this.take(drafts);
    this.take(drafts);
    const emissions = this.trace.takeEmissions();
    const made = drafts
      .flatMap(({ outputs }) => [...outputs])
      .flatMap(([topic, some]) =>
        some
          .filter(({ key }) => key === this.request.key)
          .map(({ value }) => {
            const json = parseJson(value);
            const text = JSON.stringify(json);
            const causes = emissions.find((one) => one.topic === topic && JSON.stringify(one.value) === text)?.causes;
            return { topic, value: json, causes: [...(causes ?? [])] };
          }),
      );
    if (made.some(({ topic }) => topic === "dead-letters")) this.failed.push(record.offset);
    return made;
  }

  private take(drafts: UnitDraft[]): void {
    const draft = this.engine.seal();
    if (draft === null) return;
    drafts.push(draft);
    const { function: own, key: ownKey } = this.request;
    for (const { fn, key, name, value } of draft.body.slots) {
      if (key !== ownKey || (fn !== own && fn !== canaryName(own))) continue;
      const shown = fn === own ? name : `${name} (canary)`;
      if (value === null) this.kept.delete(shown);
      else this.kept.set(shown, parseJson(value));
    }
  }
}

/** What it prints was printed when it ran. */
const print = (): void => undefined;
const SILENT = { debug: print, error: print, info: print, log: print, trace: print, warn: print };

/** The state of a partition that has come to this offset, and knows what these records say. */
function stateBefore(
  options: Parameters<typeof createStagePartition>[0],
  controls: readonly ControlRecord[],
  offset: number,
): RestoredState {
  const before = createStagePartition(options);
  for (const [index, control] of controls.entries()) before.process(madeControlRecord(index, 0, control));
  const body = before.seal()?.body;
  return { snapshot: [], units: body === undefined ? [] : [{ ...body, next: { offset, step: 0 } }] };
}
