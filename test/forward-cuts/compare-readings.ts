import { readingSchema } from "../../core/derived-records.ts";
import { createSourceFilter, openInstanceLog, visitTopic } from "../support/log-dump.ts";

/** Per device its readings in the order of the log: event time, whether it is the receive time's, and values, as JSON. */
export type ReadingSequences = ReadonlyMap<string, readonly string[]>;

/** Of an installation that does not run. */
export async function readingSequences(data: string, partitionCount: number): Promise<ReadingSequences> {
  const log = await openInstanceLog(data, partitionCount);
  const sequences = new Map<string, string[]>();
  const isNew = createSourceFilter();
  await visitTopic(log, "readings", (record) => {
    if (record.header("src") === undefined || !isNew(record)) return;
    const { device, ts, tsFromReceive, metrics } = readingSchema.parse(
      JSON.parse(Buffer.from(record.value).toString()),
    );
    const sequence = sequences.get(device) ?? [];
    sequence.push(JSON.stringify([ts, tsFromReceive ?? false, metrics]));
    sequences.set(device, sequence);
  });
  await log.close(AbortSignal.timeout(10_000));
  return sequences;
}

export interface ForwardDifference {
  /** Readings of the edge. */
  readonly readings: number;
  /** Of the edge, and not of the cloud. */
  readonly lost: number;
  /** Of the cloud, once more than of the edge. */
  readonly duplicated: number;
  /** Devices whose readings lie in another order. */
  readonly disordered: number;
}

export function compareReadings(edge: ReadingSequences, cloud: ReadingSequences): ForwardDifference {
  const difference = { readings: 0, lost: 0, duplicated: 0, disordered: 0 };
  for (const device of new Set([...edge.keys(), ...cloud.keys()])) {
    const [own, theirs] = [edge.get(device) ?? [], cloud.get(device) ?? []];
    const counts = new Map<string, number>();
    for (const reading of own) counts.set(reading, (counts.get(reading) ?? 0) + 1);
    for (const reading of theirs) counts.set(reading, (counts.get(reading) ?? 0) - 1);
    const balances = [...counts.values()];
    difference.readings += own.length;
    difference.lost += balances.reduce((sum, balance) => sum + Math.max(0, balance), 0);
    difference.duplicated += balances.reduce((sum, balance) => sum + Math.max(0, -balance), 0);
    if (balances.every((balance) => balance === 0) && own.join("\n") !== theirs.join("\n")) difference.disordered += 1;
  }
  return difference;
}
