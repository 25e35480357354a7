import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { createStagePartition } from "../../engine/stage-partition.ts";
import { decodeRecordBatch } from "../../wire/record-batch-reader.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { encodeUnit } from "../../wire/unit-codec.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";
import type { RecordInput } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";

/** A stage, and the records that it reads: the devices one after the other, again and again. */
export interface StageLoad {
  readonly stage: StageDefinition;
  readonly devices: number;
  /** The first record of a partition: what is configured, and its devices. */
  config(isOwn: (device: number) => boolean): RecordInput;
  /** The message with this number. */
  record(index: number): RecordInput;
  /** A control record that comes with a batch; null, or absent: none does. `batches`: how many came before it in its partition. */
  control?(partition: number, partitions: number, batches: number): RecordInput | null;
}

export interface FunctionShape {
  readonly partitions: number;
  readonly warmUp: number;
  readonly messages: number;
  /** Messages of a partition that come at once. */
  readonly batch?: number;
  /** Messages of a unit; absent: as many as one of a stage that is late holds, by their number, their bytes and the time that it is open. */
  readonly unit?: number;
}

export interface FunctionRun {
  readonly partitions: number;
  readonly messages: number;
  /** Of the whole process while it worked: what collects garbage and compiles beside the thread counts. */
  readonly cpuSeconds: number;
  readonly outputs: number;
  readonly outputBytes: number;
  readonly unitBytes: number;
}

/** What a process that has measured one run prints. */
export const functionRunSchema: z.ZodType<FunctionRun> = z.object({
  partitions: z.number(),
  messages: z.number(),
  cpuSeconds: z.number(),
  outputs: z.number(),
  outputBytes: z.number(),
  unitBytes: z.number(),
});

export const BATCH = 500;
/** So many batches at least are made before they are worked: making them is not measured. */
const BATCHES_AHEAD = 40;

/** Partitions of a worker: as many as an installation has by default, or one, with all devices in it. */
export const LAYOUTS = [32, 1] as const;

/**
 * What a worker does with messages: decodes batches, runs the stage over its partitions, one batch of each after the other, ends units, encodes units and
 * outputs. No log, no disk.
 */
export function measureFunction(
  load: StageLoad,
  { partitions, warmUp, messages, batch = BATCH, unit }: FunctionShape,
): FunctionRun {
  const made = { outputs: 0, outputBytes: 0, unitBytes: 0, deadLetters: 0, workedMs: 0 };
  const workers = Array.from({ length: partitions }, (_, partition) => {
    const state = createStagePartition({ stage: load.stage, partition, generation: 0 });
    const work = createWorker(state, made, unit);
    work(encodeRecordBatch([load.config((device) => device % partitions === partition)], 0));
    return { work, nextBatch: batchesOf(load, { partition, partitions, batch }) };
  });
  let processed = 0;
  const run = (upTo: number): number => {
    let cpuSeconds = 0;
    for (let done = 0; done < upTo;) {
      const left = (upTo - done) / (batch * partitions);
      const rounds = Math.ceil(Math.min(left, BATCHES_AHEAD / partitions));
      const ahead = workers.flatMap((worker) =>
        Array.from({ length: rounds }, () => ({ worker, bytes: worker.nextBatch() })),
      );
      const begun = process.cpuUsage();
      for (const { worker, bytes } of ahead) {
        const from = performance.now();
        worker.work(bytes);
        made.workedMs += performance.now() - from;
      }
      cpuSeconds += cpuSecondsOf(process.cpuUsage(begun));
      done += ahead.length * batch;
      processed += ahead.length * batch;
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
function batchesOf(
  load: StageLoad,
  { partition, partitions, batch }: { partition: number; partitions: number; batch: number },
): () => Buffer {
  const devices = Math.floor(load.devices / partitions);
  let [next, offset, batches] = [0, 1, 0];
  return () => {
    const control = load.control?.(partition, partitions, batches) ?? null;
    const records = Array.from({ length: batch }, () => {
      const index = Math.floor(next / devices) * load.devices + (next % devices) * partitions + partition;
      next += 1;
      return load.record(index);
    });
    if (control !== null) records.push(control);
    const first = offset;
    offset += records.length;
    batches += 1;
    return encodeRecordBatch(records, first);
  };
}

interface Made {
  outputs: number;
  outputBytes: number;
  unitBytes: number;
  deadLetters: number;
  /** By the clock, of all partitions: what is made ahead is none of it. */
  workedMs: number;
}

function createWorker(partition: StagePartition, made: Made, unit: number | undefined): (batch: Buffer) => void {
  const { unitRecordsMax, unitBytesMax, unitLateMs } = LIMITS;
  const isFull = () =>
    processed >= (unit ?? unitRecordsMax) || (unit === undefined && partition.pendingBytes >= unitBytesMax);
  let [processed, sealedAt] = [0, 0];
  const seal = (): void => {
    sealedAt = made.workedMs;
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
      if (isFull()) seal();
    }
    // As long as one of a stage that is late by two seconds stays open, while its thread works the other partitions.
    if (unit === undefined && made.workedMs - sealedAt >= unitLateMs) seal();
  };
}
