import { createStagePartition } from "../../engine/stage-partition.ts";
import { decodeRecordBatch } from "../../wire/record-batch-reader.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { encodeUnit } from "../../wire/unit-codec.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import { configRecord } from "./function-loads.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";
import type { FunctionLoad } from "./function-loads.ts";

export interface FunctionRun {
  readonly messages: number;
  /** Of the whole process while it worked: what collects garbage and compiles beside the thread counts. */
  readonly cpuSeconds: number;
  readonly outputs: number;
  readonly outputBytes: number;
  readonly unitBytes: number;
}

const BATCH = 500;
const UNIT = 1000;
/** So many batches are made before they are worked: making them is not measured. */
const BATCHES_AHEAD = 40;

/** What a worker does with messages: decodes batches, runs the stage, ends units, encodes units and outputs. No log, no disk. */
export function measureFunction(load: FunctionLoad, warmUp: number, messages: number): FunctionRun {
  const partition = createStagePartition({ stage: load.stage, partition: 0, generation: 0 });
  const worker = createWorker(partition);
  worker.work(encodeRecordBatch([configRecord()], 0));
  const runs = (from: number, to: number): number => {
    let cpuSeconds = 0;
    for (let at = from; at < to;) {
      const batches: Buffer[] = [];
      for (; batches.length < BATCHES_AHEAD && at < to; at += BATCH) {
        const records = Array.from({ length: BATCH }, (_, index) => load.record(at + index));
        batches.push(encodeRecordBatch(records, at + 1));
      }
      const begun = process.cpuUsage();
      for (const batch of batches) worker.work(batch);
      cpuSeconds += cpuSecondsOf(process.cpuUsage(begun));
    }
    return cpuSeconds;
  };
  runs(0, warmUp);
  const before = { ...worker.made };
  const cpuSeconds = runs(warmUp, warmUp + messages);
  if (worker.made.deadLetters > 0) throw new Error(`${worker.made.deadLetters} dead letters: the load is wrong`);
  return {
    messages,
    cpuSeconds,
    outputs: worker.made.outputs - before.outputs,
    outputBytes: worker.made.outputBytes - before.outputBytes,
    unitBytes: worker.made.unitBytes - before.unitBytes,
  };
}

function createWorker(partition: StagePartition) {
  const made = { outputs: 0, outputBytes: 0, unitBytes: 0, deadLetters: 0 };
  let processed = 0;
  const seal = (): void => {
    const draft = partition.seal();
    if (draft === null) return;
    processed = 0;
    made.unitBytes += encodeUnit(draft.body).length;
    for (const [topic, records] of draft.outputs) {
      made.outputs += records.length;
      made.outputBytes += encodeRecordBatch(records).length;
      if (topic === "dead-letters") made.deadLetters += records.length;
    }
  };
  const work = (batch: Buffer): void => {
    for (const record of decodeRecordBatch(batch).records) {
      while (!partition.process(record)) seal();
      processed += 1;
      if (processed >= UNIT) seal();
    }
  };
  return { made, work };
}
