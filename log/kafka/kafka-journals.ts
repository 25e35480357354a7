import { randomUUID } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkedRecordBytes } from "../append-limits.ts";
import { KafkaJournal } from "./kafka-journal.ts";
import type {
  CommitRequest,
  JournalClaim,
  JournalId,
  JournalHolding,
  LogJournals,
  OutputBatch,
} from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { JournalPlace } from "./kafka-journal.ts";

export interface KafkaJournalsOptions {
  /** Called before a journal is claimed for the first time: sees to its topic. */
  readonly prepare: (journal: JournalId) => Promise<void>;
  readonly place: (journal: JournalId) => JournalPlace;
  /** UNKNOWN_TOPIC for what the log does not have. */
  readonly check: (topic: string, partition: number) => void;
}

/** The journals that this process has claimed. */
export class KafkaJournals implements LogJournals {
  private readonly options: KafkaJournalsOptions;
  private readonly journals = new Map<string, KafkaJournal>();
  /** In the marks that are given. */
  private readonly log = randomUUID();

  constructor(options: KafkaJournalsOptions) {
    this.options = options;
  }

  async claim(id: JournalId, held?: JournalHolding): Promise<JournalClaim> {
    await this.options.prepare(id);
    const key = keyOf(id);
    const journal = this.journals.get(key) ?? new KafkaJournal(id, this.log, this.options.place(id));
    this.journals.set(key, journal);
    return journal.claim(held);
  }

  commit(request: CommitRequest): Promise<void> {
    const { name, partition } = request.journal;
    const journal = this.journals.get(keyOf(request.journal));
    if (journal === undefined) {
      const text = `the journal ${name}/${partition} has not been claimed here`;
      return Promise.reject(new MillraceError("JOURNAL_FENCED", text));
    }
    return journal.commit(request, () => this.checkOutputs(request.outputs));
  }

  private checkOutputs(outputs: readonly OutputBatch[]): void {
    for (const { topic, partition, records } of outputs) {
      this.options.check(topic, partition);
      checkedRecordBytes(records);
    }
  }
}

/** Records in groups that fit into one batch each. */
export function batchesOf(records: readonly RecordInput[]): { records: RecordInput[]; bytesBound: number }[] {
  const batches: { records: RecordInput[]; bytesBound: number }[] = [];
  for (const record of records) {
    const bytes = checkedRecordBytes([record]);
    const last = batches.at(-1);
    if (last !== undefined && last.bytesBound + bytes <= LIMITS.produceBatchBytesMax) {
      last.records.push(record);
      last.bytesBound += bytes;
    } else {
      batches.push({ records: [record], bytesBound: bytes });
    }
  }
  return batches;
}

function keyOf({ name, partition }: JournalId): string {
  return `${name}/${partition}`;
}
