import { FunctionStages, type KeptSlot } from "./function-stages.ts";
import { HEADER } from "../core/record.ts";
import type { StageFunction } from "../core/function.ts";
import type { LogRecord, RecordInput } from "../core/record.ts";
import type { TopicName } from "../core/topics.ts";

export interface SampleOutput {
  readonly topic: TopicName;
  readonly record: RecordInput;
}

/** What functions made of records, and what is left in their state. */
export interface RecordsRun {
  /** By topic, in each in the order in which they were made. */
  readonly outputs: readonly SampleOutput[];
  readonly slots: readonly KeptSlot[];
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
  const stages = new FunctionStages(functions);
  const outputs: SampleOutput[] = [];
  for (const [index, record] of records.entries()) {
    for (const draft of stages.process(record)) {
      for (const [topic, some] of draft.outputs) for (const one of some) outputs.push({ topic, record: one });
    }
    if ((index + 1) % restoreEvery === 0) stages.restart();
  }
  // What one record gives stands by topic: only the order in each topic does not depend on where units end.
  outputs.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0));
  return { outputs, slots: stages.slots() };
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
