import { createSourceFilter } from "../../test/support/log-dump.ts";
import type { EventLog } from "../../core/event-log.ts";

const POLL = { bytesMax: 4 * 1024 * 1024, waitMs: 200 } as const;

/** Follows `readings` as a reader does, and says how late each came: from its message's receive time until it could be read here. */
export class ReadingDelays {
  readings = 0;
  /** Repeated ones, which readers drop. */
  repeated = 0;
  /** When the newest came, by performance.now. */
  newestAt = 0;
  /** By whole seconds of performance.now: the longest delay of what came then, ms. */
  readonly bySecond = new Map<number, number>();
  private readonly log: Pick<EventLog, "openReader" | "status">;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(log: Pick<EventLog, "openReader" | "status">) {
    this.log = log;
  }

  async start(): Promise<void> {
    const { partitions } = await this.log.status();
    const ends = partitions
      .filter(({ topic }) => topic === "readings")
      .map(({ topic, partition, endOffset }) => ({ topic, partition, offset: endOffset }));
    this.running = this.run(ends);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Seconds from `from` until no reading came later than that for good; 0 when none did. */
  secondsUntilBelow(delayMs: number, from: number): number {
    const late = [...this.bySecond].filter(([, longest]) => longest > delayMs).map(([second]) => second + 1);
    return Math.max(0, Math.max(0, ...late) - from / 1000);
  }

  get longestMs(): number {
    return Math.max(0, ...this.bySecond.values());
  }

  private async run(ends: Parameters<EventLog["openReader"]>[0]): Promise<void> {
    const { signal } = this.stopping;
    const reader = this.log.openReader(ends);
    const isNew = createSourceFilter();
    while (!signal.aborted) {
      const slices = await reader.poll({ ...POLL, signal });
      const [now, wall] = [performance.now(), Date.now()];
      const second = Math.floor(now / 1000);
      for (const record of slices.flatMap(({ records }) => records)) {
        if (record.header("src") === undefined || record.header("kind") !== undefined) continue;
        if (!isNew(record)) this.repeated += 1;
        else {
          this.readings += 1;
          this.newestAt = now;
          this.bySecond.set(second, Math.max(this.bySecond.get(second) ?? 0, wall - record.timestamp));
        }
      }
    }
    reader.close();
  }
}
