import { join } from "node:path";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { madeRecord, recordAt } from "../../core/made-record.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { openEmbeddedLog, type EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { StageLoad } from "../functions/measure-function.ts";

const PARTITIONS = 32;
const CHUNK = 20_000;
const GIB = 1024 ** 3;

/**
 * Writes the log of a data directory as an instance would have left it: the load's readings over all partitions. With `isStored` also what its
 * function made of them live.
 */
export async function writePastLog(data: string, load: StageLoad, readings: number, isStored: boolean): Promise<void> {
  const log = await openEmbeddedLog({
    directory: join(data, "log"),
    partitionCount: PARTITIONS,
    generation: 1,
    bytesMax: 8 * GIB,
    retentionMs: Number.MAX_SAFE_INTEGER,
    requiredJournals: ["never"],
    clock: { now: () => Date.now() },
    logger: silentLogger,
    metrics: createMetrics(),
    sync: false,
  });
  const live = isStored ? Array.from({ length: PARTITIONS }, (_, partition) => createLive(load, partition)) : [];
  for (let from = 0; from < readings; from += CHUNK) {
    const chunks = Array.from({ length: PARTITIONS }, (): RecordInput[] => []);
    for (let index = from; index < Math.min(readings, from + CHUNK); index += 1) {
      const record = load.record(index);
      chunks[partitionOf(record.key ?? "", PARTITIONS)]?.push(record);
    }
    for (const [partition, records] of chunks.entries()) await appendChunk(log, partition, records, live[partition]);
  }
  await log.close(AbortSignal.timeout(10_000));
}

function createLive({ stage, config }: StageLoad, partition: number): StagePartition {
  const engine = createStagePartition({ stage, partition, generation: 1 });
  engine.process(madeRecord({ ...config(() => true), offset: 0 }));
  engine.seal();
  return engine;
}

async function appendChunk(
  log: EmbeddedLog,
  partition: number,
  records: readonly RecordInput[],
  live: StagePartition | undefined,
): Promise<void> {
  if (records.length === 0) return;
  const first = await log.append("readings", partition, records);
  if (live === undefined) return;
  const outputs: RecordInput[] = [];
  const take = (): void => void outputs.push(...(live.seal()?.outputs.get("readings") ?? []));
  for (const [index, record] of records.entries()) {
    while (!live.process(recordAt(record, 1 + first + index))) take();
  }
  take();
  if (outputs.length > 0) await log.append("readings", partition, outputs);
}
