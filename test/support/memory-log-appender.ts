import type { LogAppender } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";

interface AppendedRecord extends RecordInput {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A log appender that keeps records in memory. Its answers can be held back, released in any order, or made to fail. */
export interface MemoryLogAppender extends LogAppender {
  /** Records whose append has resolved, in the order of the calls. */
  readonly records: readonly AppendedRecord[];
  /** Appends that wait because of `hold`, in the order of the calls. */
  readonly waiting: readonly PendingAppend[];
  /** From now on appends wait until `release`, or until they are settled one by one. */
  hold(): void;
  release(): void;
  /** From now on appends fail with this error; null ends it. */
  failWith(error: Error | null): void;
}

interface PendingAppend {
  readonly records: readonly RecordInput[];
  resolve(): void;
  reject(error: Error): void;
}

export function createMemoryLogAppender(options: { readonly delayMs?: () => number } = {}): MemoryLogAppender {
  const kept: AppendedRecord[] = [];
  const ends = new Map<string, number>();
  let waiting: PendingAppend[] = [];
  let held = false;
  let failure: Error | null = null;

  function keep(topic: string, partition: number, records: readonly RecordInput[]): number {
    const slot = `${topic}/${partition}`;
    const first = ends.get(slot) ?? 0;
    records.forEach((record, index) => kept.push({ ...record, topic, partition, offset: first + index }));
    ends.set(slot, first + records.length);
    return first;
  }

  return {
    records: kept,
    get waiting() {
      return waiting;
    },
    append(topic, partition, records) {
      if (failure !== null) return Promise.reject(failure);
      const copies = records.map((record) => ({ ...record, value: Uint8Array.from(record.value) }));
      const delayMs = options.delayMs?.();
      if (!held && delayMs === undefined) return Promise.resolve(keep(topic, partition, copies));
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const settle = (): void => resolve(keep(topic, partition, copies));
      if (held) waiting.push({ records: copies, resolve: settle, reject });
      else setTimeout(settle, delayMs);
      return promise;
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      const released = waiting;
      waiting = [];
      for (const append of released) append.resolve();
    },
    failWith(error) {
      failure = error;
    },
  };
}
