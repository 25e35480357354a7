import { createStagePartition, type StagePartition } from "../engine/stage-partition.ts";
import { HEADER } from "../core/record.ts";
import type { Slot, SnapshotChunk } from "../core/commit-unit.ts";
import type { StageFunction } from "../core/function.ts";
import type { LogRecord, RecordInput } from "../core/record.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { TopicName } from "../core/topics.ts";

export interface SampleOutput {
  readonly topic: TopicName;
  readonly record: RecordInput;
}

/** What functions made of records, and what is left in their state. */
export interface RecordsRun {
  /** By topic, in each in the order in which they were made. */
  readonly outputs: readonly SampleOutput[];
  readonly slots: readonly Slot[];
}

/** The stage in which users' functions run. */
export function functionStage(functions: readonly StageFunction[]): StageDefinition {
  // The registry gives the real version; what has none yet runs as the first.
  return {
    name: "functions",
    input: "readings",
    functions: functions.map((fn) => ({ ...fn, version: fn.version || 1 })),
  };
}

/**
 * Runs the records of one partition of `readings`. With `restoreEvery`, the state goes through a restart after every so many records, as
 * text: what a function keeps elsewhere than in its state is lost there.
 */
export function runRecords(
  records: readonly LogRecord[],
  functions: readonly StageFunction[],
  restoreEvery = Infinity,
): RecordsRun {
  const options = { stage: functionStage(functions), partition: 0, generation: 0 };
  const outputs: SampleOutput[] = [];
  let state = createStagePartition(options);
  let sinceRestore = 0;
  const seal = (): void => {
    for (const [topic, some] of state.seal()?.outputs ?? []) for (const record of some) outputs.push({ topic, record });
  };
  for (const record of records) {
    while (!state.process(record)) seal();
    sinceRestore += 1;
    if (sinceRestore >= restoreEvery) {
      seal();
      state = createStagePartition(options, { snapshot: snapshotOf(state), units: [] });
      sinceRestore = 0;
    }
  }
  seal();
  // Within a unit outputs stand by topic: only the order in each topic does not depend on where units end.
  outputs.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0));
  return { outputs, slots: snapshotOf(state).flatMap(({ slots }) => slots) };
}

function snapshotOf(state: StagePartition): readonly SnapshotChunk[] {
  return [...state.snapshotChunks()];
}

/** Everything of an output that must be equal, as text. */
export function outputText({ topic, record }: SampleOutput): string {
  const headers = record.headers.map(([name, value]) => `${name}=${value}`).join(" ");
  return `${topic} ${record.key} ${record.timestamp} ${headers} ${Buffer.from(record.value).toString()}`;
}

/** The name of the function that made an output. */
export function makerOf({ record }: SampleOutput): string {
  const [, version = ""] = record.headers.find(([name]) => name === HEADER.functionVersion) ?? [];
  return version.split("@")[0] ?? "";
}
