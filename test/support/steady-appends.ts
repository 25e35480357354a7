import { randomUUID } from "node:crypto";
import { isMillraceError } from "../../core/errors.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";

const UNDER_WAY_PER_PARTITION = 4;
const PACE_MS = 5;

interface Appended {
  readonly value: string;
  /** Null when the append was rejected: then it may be in the log, once, or not. */
  readonly offset: number | null;
}

/** Appends numbered records to every partition of `telemetry`, several under way at a time, and remembers what became of each. */
export class SteadyAppends {
  private readonly log: EventLog;
  /** In front of every value: other records of the topic are not looked at. */
  private readonly name = randomUUID();
  private readonly appended: Appended[][];
  private running = true;
  private readonly lanes: Promise<unknown>[] = [];

  constructor(log: EventLog) {
    this.log = log;
    this.appended = Array.from({ length: log.partitionCount }, () => []);
    for (let partition = 0; partition < log.partitionCount; partition++) {
      let number = 0;
      for (let lane = 0; lane < UNDER_WAY_PER_PARTITION; lane++) {
        this.lanes.push(this.appendAll(partition, () => `${this.name} ${partition}-${number++}`));
      }
    }
  }

  /** How many records of the partition are acknowledged. */
  acknowledged(partition: number): number {
    return this.appended[partition]?.filter(({ offset }) => offset !== null).length ?? 0;
  }

  rejected(): number {
    return this.appended.flat().filter(({ offset }) => offset === null).length;
  }

  /** Resolves when every partition has so many more acknowledged than now. */
  async until(more: number): Promise<void> {
    const before = this.appended.map((_, partition) => this.acknowledged(partition));
    const isReached = (): boolean => before.every((count, partition) => this.acknowledged(partition) >= count + more);
    while (!isReached()) await pause(20);
  }

  /** Resolves when all that is under way is settled. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.lanes);
  }

  /**
   * What is wrong with what the log has: acknowledged records that are not at their offset, records twice, records out of the order in
   * which they were appended. Nothing, when all is well.
   */
  async differences(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [partition, appended] of this.appended.entries()) {
      const stored = await this.read(partition);
      const values = stored.map(({ offset, value }) => [offset, Buffer.from(value).toString()] as const);
      const byOffset = new Map(values.filter(([, value]) => value.startsWith(this.name)));
      const numbers = [...byOffset.values()].map((value) => Number(value.split("-").at(-1)));
      for (const { value, offset } of appended) {
        if (offset !== null && byOffset.get(offset) !== value) wrong.push(`${value} is not at ${offset}`);
      }
      const misplaced = numbers.find((number, at) => at > 0 && number <= (numbers[at - 1] ?? -1));
      if (misplaced !== undefined) wrong.push(`${partition}-${misplaced} is there twice or too late`);
    }
    return wrong;
  }

  private async appendAll(partition: number, next: () => string): Promise<void> {
    while (this.running) {
      const value = next();
      const record = { timestamp: Date.now(), key: null, value: Buffer.from(value), headers: [] };
      const offset = await this.log.append("telemetry", partition, [record]).catch((error: unknown) => {
        if (!isMillraceError(error, "LOG_IO")) throw error;
        return null;
      });
      this.appended[partition]?.push({ value, offset });
      await pause(PACE_MS);
    }
  }

  private async read(partition: number): Promise<LogRecord[]> {
    const { partitions } = await this.log.status();
    const end = partitions.find((one) => one.topic === "telemetry" && one.partition === partition)?.endOffset ?? 0;
    const reader = this.log.openReader([{ topic: "telemetry", partition, offset: 0 }]);
    const records: LogRecord[] = [];
    while ((records.at(-1)?.offset ?? -1) < end - 1) {
      const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 5000 });
      for (const slice of slices) records.push(...slice.records);
    }
    reader.close();
    return records;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
