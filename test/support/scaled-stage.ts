import { createMemoryEventLog, type MemoryEventLog } from "./memory-event-log.ts";
import type { GroupMember } from "../../core/consumer-group.ts";
import type { JournalStatus, JournalWork, LogReader, LogStatus, TopicPosition } from "../../core/event-log.ts";

/** So much time passes between two looks. */
const LOOK_MS = 1000;

/** A log that others work, and the group of those who do; as the scaler sees both. Each look is a second later than the one before. */
export class ScaledLog {
  readonly partitionCount = 4;
  readonly inner: MemoryEventLog = createMemoryEventLog({ partitionCount: 4 });
  at = 1_000_000;
  looks = 0;
  failure: Error | null = null;
  /** Processes, and how many threads each has. */
  pods = 0;
  threadsPerPod = 1;
  /** Records per look that come to each partition of telemetry. */
  arrivals = 0;
  private readonly ended = new Map<string, JournalStatus>();

  readonly clock = { now: () => this.at };

  readonly groups = {
    members: (): Promise<readonly GroupMember[]> => {
      this.looks += 1;
      this.at += LOOK_MS;
      const threads = this.pods * this.threadsPerPod;
      return Promise.resolve(
        Array.from({ length: threads }, (_, index) => ({
          id: String(index),
          label: `pod ${Math.floor(index / this.threadsPerPod)}`,
          partitions: [0, 1, 2, 3].filter((partition) => partition % threads === index),
        })),
      );
    },
  };

  async status(): Promise<LogStatus> {
    if (this.failure !== null) throw this.failure;
    for (let partition = 0; partition < this.partitionCount; partition += 1)
      for (let record = 0; record < this.arrivals; record += 1) this.append(partition);
    const status = await this.inner.status();
    return { ...status, journals: [...this.ended.values()] };
  }

  openReader(positions: readonly TopicPosition[]): LogReader {
    return this.inner.openReader(positions);
  }

  append(partition: number, topic = "telemetry"): void {
    this.inner.appendNow(topic, partition, [{ timestamp: 0, key: "t/d", value: new Uint8Array(1), headers: [] }]);
  }

  /** Where a stage stands in a partition of its input, as its owner has told. */
  commit(stage: string, position: TopicPosition, nextTimer: number | null, work?: JournalWork): void {
    const { partition } = position;
    const status = { name: `stage:${stage}`, partition, epoch: 1, positions: [position], nextTimer };
    this.ended.set(`${stage}/${partition}`, { ...status, ...(work === undefined ? {} : { work }) });
  }
}
