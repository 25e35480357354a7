import type { FetchedSlice } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";
import type { LogTopology } from "../topology.ts";

/** Gathers what a poll returns: one slice per topic-partition, and one of its own for each corrupt range, in offset order. */
export class SliceCollector {
  bytes = 0;
  private readonly topology: LogTopology;
  private readonly slices: FetchedSlice[] = [];
  private readonly open = new Map<number, { records: LogRecord[]; nextOffset: number }>();

  constructor(topology: LogTopology) {
    this.topology = topology;
  }

  add(
    index: number,
    records: readonly LogRecord[],
    { nextOffset, bytes }: { nextOffset: number; bytes: number },
  ): void {
    const slice = this.open.get(index);
    if (slice === undefined) {
      this.open.set(index, { records: [...records], nextOffset });
    } else {
      for (const record of records) slice.records.push(record);
      slice.nextOffset = nextOffset;
    }
    this.bytes += bytes;
  }

  addCorrupt(index: number, fromOffset: number, toOffset: number): void {
    this.flush(index);
    const corrupt = { fromOffset, toOffset };
    this.slices.push({ ...this.topology.topicPartition(index), records: [], nextOffset: toOffset, corrupt });
  }

  finish(): FetchedSlice[] {
    for (const index of this.open.keys()) this.flush(index);
    return this.slices;
  }

  private flush(index: number): void {
    const slice = this.open.get(index);
    if (slice === undefined) return;
    this.open.delete(index);
    this.slices.push({ ...this.topology.topicPartition(index), ...slice });
  }
}
