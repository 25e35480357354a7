import { MillraceError } from "../../core/errors.ts";
import type { PartitionOwnerOptions } from "../../runtime/partition-owner.ts";
import { KafkaJournal } from "../../log/kafka/kafka-journal.ts";
import { logRecord } from "./log-records.ts";
import { warmPartitions } from "./warm-partitions.ts";
import type { LogInspector, LogJournals } from "../../core/event-log.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { JournalPlace } from "../../log/kafka/kafka-journal.ts";
import type { WarmPartitions } from "../../runtime/warm-partitions.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

/** What becomes of an append: it is refused, or lands though its sender is told that it did not. */
export type AppendFault = "lost" | "landed";

const DAMAGE = new MillraceError("BATCH_CORRUPT", "it is damaged");

/** A journal's partition as Kafka keeps it, in memory: whoever appends, fenced or not, it lands at the end. */
export class SharedJournal {
  private records: LogRecord[] = [];
  private damaged = new Set<number>();
  private start = 0;
  /** What snapshots replace is deleted at once; else it stays. */
  deletes = true;

  get length(): number {
    return this.records.length;
  }

  /** As it lies there now, but whole before the offset. */
  copy(wholeBefore = 0): SharedJournal {
    const copy = new SharedJournal();
    copy.records = [...this.records];
    copy.damaged = new Set([...this.damaged].filter((offset) => offset >= wholeBefore));
    copy.start = this.start;
    return copy;
  }

  damage(offset: number): void {
    this.damaged.add(offset);
  }

  /** What a process appends and reads. `fault` is asked before each append. */
  place(fault: () => AppendFault | null): JournalPlace {
    return {
      clock: { now: () => 0 },
      append: async (record) => {
        const happens = fault();
        if (happens === "lost") throw new MillraceError("LOG_IO", "it did not land");
        const offset = this.append(record);
        if (happens === "landed") throw new MillraceError("LOG_IO", "nobody knows whether it landed");
        return offset;
      },
      appendOutput: () => Promise.resolve(),
      start: () => Promise.resolve(this.start),
      read: (from, to) => this.read(from, to),
      truncate: (offset) => {
        if (this.deletes) this.start = Math.max(this.start, offset);
      },
      publish: () => undefined,
      goBack: () => Promise.resolve(),
      onDamage: () => undefined,
    };
  }

  private append({ timestamp, key, value, headers }: RecordInput): number {
    const offset = this.records.length;
    this.records.push(logRecord({ offset, timestamp, key, value: Uint8Array.from(value), headers }));
    return offset;
  }

  private async *read(from: number, to: number): AsyncGenerator<WalkedBatch> {
    if (from < this.start) throw new MillraceError("OFFSET_OUT_OF_RANGE", `${from} is deleted`);
    for (const [index, record] of this.records.slice(from, to).entries()) {
      const place = { baseOffset: from + index, nextOffset: from + index + 1, bytes: Buffer.alloc(0), recordBytes: 0 };
      yield this.damaged.has(from + index)
        ? { ...place, records: null, damage: DAMAGE }
        : { ...place, records: [record] };
    }
  }
}

/** A process that has the journal open, and what it keeps. */
export interface JournalProcess {
  readonly journals: PartitionOwnerOptions["journals"];
  readonly warm: WarmPartitions;
  /** Of its next append. */
  fault: AppendFault | null;
}

export function openJournal(shared: SharedJournal, name: string): JournalProcess {
  const process: JournalProcess = { warm: warmPartitions(), fault: null, journals: journalsOf() };
  return process;

  function journalsOf(): PartitionOwnerOptions["journals"] {
    const journal = new KafkaJournal(
      { name: "stage:main", partition: 0 },
      name,
      shared.place(() => {
        const { fault } = process;
        process.fault = null;
        return fault;
      }),
    );
    return {
      partitionCount: 1,
      claim: (_id, held) => journal.claim(held),
      commit: (request) => journal.commit(request, () => undefined),
      status: () =>
        Promise.resolve({
          partitions: [],
          journals: [],
          bytes: 0,
          bytesMax: 1,
          refusing: null,
          deletedTelemetry: {},
        }),
    };
  }
}
