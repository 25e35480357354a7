import type { JournalStatus, JournalWork } from "../../core/event-log.ts";

/**
 * The time that workers of other processes have worked, of what they tell with their positions (`JournalWork`). Their counters begin anew with
 * each thread and pass with it: what is added up here only grows.
 */
export class PublishedWork {
  private readonly told = new Map<string, number>();
  private readonly positions = new Map<number, number>();
  private sum = 0;
  private isKnown = true;
  private together: number | null = null;

  /** Takes what the journals of one stage say, all partitions or some. To be called at each look. */
  take(journals: readonly JournalStatus[]): void {
    const isFresh = new Map(journals.map((one) => [one, this.positions.get(one.partition) === undefined]));
    const moved = journals.filter(({ partition, positions }) => {
      const offset = positions[0]?.offset ?? 0;
      const before = this.positions.get(partition);
      this.positions.set(partition, offset);
      return before !== offset;
    });
    // What stands still says nothing of who works now.
    if (moved.length === 0) return;
    const works = moved.flatMap(({ work }) => work ?? []);
    this.add(works);
    const worked = moved.filter((one) => isFresh.get(one) === false);
    if (worked.length > 0) this.isKnown = worked.every(({ work }) => work !== undefined);
    if (works.length > 0) this.together = Math.max(...works.map(({ threads }) => threads));
    this.forget(journals);
  }

  /** Null when records were processed by somebody who tells nothing of it, such as a former release. */
  get busySeconds(): number | null {
    return this.isKnown ? this.sum : null;
  }

  /** Threads of the stage in a process of those that told last; null before any has. */
  get threads(): number | null {
    return this.together;
  }

  private add(works: readonly JournalWork[]): void {
    const latest = new Map<string, number>();
    for (const { worker, busySeconds } of works) latest.set(worker, Math.max(busySeconds, latest.get(worker) ?? 0));
    for (const [worker, busySeconds] of latest) {
      // Of one that is new here it is not known since when it has worked on what is counted.
      this.sum += Math.max(0, busySeconds - (this.told.get(worker) ?? busySeconds));
      this.told.set(worker, busySeconds);
    }
  }

  /** Workers that no partition names any more. */
  private forget(journals: readonly JournalStatus[]): void {
    const named = new Set(journals.flatMap(({ work }) => work?.worker ?? []));
    for (const worker of this.told.keys()) if (!named.has(worker)) this.told.delete(worker);
  }
}
