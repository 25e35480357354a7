import { createStagePartition } from "../../engine/stage-partition.ts";
import { decodeRecordBatch } from "../../wire/record-batch-reader.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { encodeUnit } from "../../wire/unit-codec.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import { configRecord, DEVICES } from "./function-loads.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";
import type { FunctionLoad } from "./function-loads.ts";

export interface FunctionRun {
  readonly partitions: number;
  readonly messages: number;
  /** Of the whole process while it worked: what collects garbage and compiles beside the thread counts. */
  readonly cpuSeconds: number;
  readonly outputs: number;
  readonly outputBytes: number;
  readonly unitBytes: number;
}

export const BATCH = 500;
const UNIT = 1000;
/** So many batches at least are made before they are worked: making them is not measured. */
const BATCHES_AHEAD = 40;

/** Partitions of a worker: as many as an installation has by default, or one, with all devices in it. */
export const LAYOUTS = [32, 1] as const;

/**
 * What a worker does with messages: decodes batches, runs the stage over its partitions, one batch of each after the other, ends units, encodes units and
 * outputs. No log, no disk.
 */
export function measureFunction(
  load: FunctionLoad,
  { partitions, warmUp, messages }: { readonly partitions: number; readonly warmUp: number; readonly messages: number },
): FunctionRun {
  const made = { outputs: 0, outputBytes: 0, unitBytes: 0, deadLetters: 0 };
  const workers = Array.from({ length: partitions }, (_, partition) => {
    const state = createStagePartition({ stage: load.stage, partition, generation: 0 });
    const work = createWorker(state, made);
    work(encodeRecordBatch([configRecord((device) => device % partitions === partition)], 0));
    return { work, nextBatch: batchesOf(load, partition, partitions) };
  });
  let processed = 0;
  const run = (upTo: number): number => {
    let cpuSeconds = 0;
    for (let done = 0; done < upTo;) {
      const rounds = Math.ceil(BATCHES_AHEAD / partitions);
      const ahead = workers.flatMap((worker) =>
        Array.from({ length: rounds }, () => ({ worker, batch: worker.nextBatch() })),
      );
      const begun = process.cpuUsage();
      for (const { worker, batch } of ahead) worker.work(batch);
      cpuSeconds += cpuSecondsOf(process.cpuUsage(begun));
      done += ahead.length * BATCH;
      processed += ahead.length * BATCH;
    }
    return cpuSeconds;
  };
  run(warmUp);
  const before = { ...made };
  processed = 0;
  const cpuSeconds = run(messages);
  if (made.deadLetters > 0) throw new Error(`${made.deadLetters} dead letters: the load is wrong`);
  return {
    partitions,
    messages: processed,
    cpuSeconds,
    outputs: made.outputs - before.outputs,
    outputBytes: made.outputBytes - before.outputBytes,
    unitBytes: made.unitBytes - before.unitBytes,
  };
}

/** Of a partition's share of the devices, which send one after the other, again and again. */
function batchesOf(load: FunctionLoad, partition: number, partitions: number): () => Buffer {
  const devices = Math.floor(DEVICES / partitions);
  let next = 0;
  return () => {
    const offset = next + 1;
    const records = Array.from({ length: BATCH }, () => {
      const index = Math.floor(next / devices) * DEVICES + (next % devices) * partitions + partition;
      next += 1;
      return load.record(index);
    });
    return encodeRecordBatch(records, offset);
  };
}

interface Made {
  outputs: number;
  outputBytes: number;
  unitBytes: number;
  deadLetters: number;
}

function createWorker(partition: StagePartition, made: Made): (batch: Buffer) => void {
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
  return (batch) => {
    for (const record of decodeRecordBatch(batch).records) {
      while (!partition.process(record)) seal();
      processed += 1;
      if (processed >= UNIT) seal();
    }
  };
}
