import { createStagePartition, type StagePartition, type UnitDraft } from "../engine/stage-partition.ts";
import { compareBytes } from "../engine/byte-order.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../core/stage.ts";
import { HEADER, isControlRecord } from "../core/record.ts";
import { recordAt } from "../core/made-record.ts";
import type { Slot } from "../core/commit-unit.ts";
import type { StageFunction } from "../core/function.ts";
import type { LogRecord, RecordInput } from "../core/record.ts";
import type { StageDefinition } from "../core/stage.ts";

/** The stage in which users' functions run, with these, in the order in which they run when they are deployed. */
export function functionStage(functions: readonly StageFunction[]): StageDefinition {
  return {
    name: FUNCTIONS_STAGE.name,
    input: FUNCTIONS_STAGE.input,
    flushes: "repartition",
    functions: versioned(functions).toSorted((a, b) => compareBytes(a.name, b.name)),
  };
}

/** True for one that goes on in the stage of joins. */
export function isJoin(fn: StageFunction): boolean {
  return fn.kind === "map" && fn.behind !== undefined;
}

/** The stage in which what they send is joined; null when none joins. */
export function joinStage(functions: readonly StageFunction[]): StageDefinition | null {
  const behind = functions.flatMap((fn) => (fn.kind === "map" && fn.behind !== undefined ? [fn.behind] : []));
  return behind.length === 0
    ? null
    : { name: JOINS_STAGE.name, input: JOINS_STAGE.input, functions: versioned(behind) };
}

/** The registry gives the real version; what has none yet runs as the first. */
function versioned(functions: readonly StageFunction[]): readonly StageFunction[] {
  return functions.map((fn) => ({ ...fn, version: fn.version || 1 }));
}

/** A slot of one of the stages. */
export interface KeptSlot extends Slot {
  readonly stage: string;
}

/** The stages in which users' functions run, over one partition of `readings`: what one sends to be joined is joined at once. */
export class FunctionStages {
  private readonly stages: readonly [functions: StageDefinition, joins: StageDefinition | null];
  private functions: StagePartition;
  private joins: StagePartition | null;
  private sent = 0;

  constructor(functions: readonly StageFunction[]) {
    this.stages = [functionStage(functions), joinStage(functions)];
    this.functions = begin(this.stages[0]);
    this.joins = this.stages[1] === null ? null : begin(this.stages[1]);
  }

  /** What came of the record, in order. */
  process(record: LogRecord): readonly UnitDraft[] {
    const { joins } = this;
    const drafts = run(this.functions, record);
    if (joins === null) return drafts;
    const toJoin = drafts
      .flatMap((draft) => draft.outputs.get("repartition") ?? [])
      .map((output) => this.sentRecord(output));
    // A flush comes with what is sent, behind it.
    const told = isControlRecord(record) && record.header(HEADER.controlKind) !== "flush";
    const all = told ? [this.sentRecord(inputOf(record)), ...toJoin] : toJoin;
    return [...drafts, ...all.flatMap((one) => run(joins, one))];
  }

  /** As after a crash: what is not state is lost. */
  restart(): void {
    const [functions, joins] = this.stages;
    this.functions = again(functions, this.functions);
    if (joins !== null && this.joins !== null) this.joins = again(joins, this.joins);
  }

  slots(): readonly KeptSlot[] {
    const chunks = [this.functions, this.joins].flatMap((state) => (state === null ? [] : [...state.snapshotChunks()]));
    return chunks.flatMap(({ stage, slots }) => slots.map((slot) => ({ ...slot, stage })));
  }

  private sentRecord(record: RecordInput): LogRecord {
    const offset = this.sent;
    this.sent += 1;
    return recordAt(record, offset);
  }
}

function inputOf(record: LogRecord): RecordInput {
  const { timestamp, key, value } = record;
  return { timestamp, key, value, headers: record.headers() };
}

function begin(stage: StageDefinition): StagePartition {
  return createStagePartition({ stage, partition: 0, generation: 0 });
}

function again(stage: StageDefinition, state: StagePartition): StagePartition {
  return createStagePartition(
    { stage, partition: 0, generation: 0 },
    { snapshot: [...state.snapshotChunks()], units: [] },
  );
}

function run(state: StagePartition, record: LogRecord): UnitDraft[] {
  const drafts: UnitDraft[] = [];
  const seal = (): void => {
    const draft = state.seal();
    if (draft !== null) drafts.push(draft);
  };
  while (!state.process(record)) seal();
  seal();
  return drafts;
}
