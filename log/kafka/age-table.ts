/** At this time, all offsets below `ends` (per topic-partition) were in the log. */
export interface AgeRow {
  /** UTC ms by the log's clock. */
  readonly at: number;
  readonly ends: readonly number[];
}

const ROWS_PER_RETENTION = 64;

/**
 * How old what lies in the log is. Kafka keeps the timestamps that we give, which are those of receipt, and a replay of last year's
 * messages must not be deleted as it arrives: so age is measured from when the log was seen to have grown.
 */
export class AgeTable {
  private readonly retentionMs: number;
  private readonly rowMs: number;
  private rows: { at: number; readonly ends: number[] }[] = [];
  private readonly size: number;

  constructor(size: number, retentionMs: number) {
    this.size = size;
    this.retentionMs = retentionMs;
    this.rowMs = Math.max(1, retentionMs / ROWS_PER_RETENTION);
  }

  /** The topic-partition ends at `end`, now. True when a row has begun, and the one before will not change any more. */
  observe(index: number, end: number, now: number): boolean {
    const last = this.rows.at(-1);
    if (last && Math.floor(last.at / this.rowMs) >= Math.floor(now / this.rowMs)) {
      last.at = Math.max(last.at, now);
      last.ends[index] = Math.max(last.ends[index] ?? 0, end);
      return false;
    }
    const ends = last?.ends.slice() ?? Array.from({ length: this.size }, () => 0);
    ends[index] = Math.max(ends[index] ?? 0, end);
    this.rows.push({ at: now, ends });
    this.forget(now);
    return true;
  }

  /** Rows that somebody stored, oldest first. */
  restore(rows: readonly AgeRow[]): void {
    for (const { at, ends } of rows) this.rows.push({ at, ends: [...ends] });
    this.rows.sort((a, b) => a.at - b.at);
  }

  /** Offsets below it are older than the retention. */
  expiredBelow(index: number, now: number): number {
    return this.rows.findLast(({ at }) => at <= now - this.retentionMs)?.ends[index] ?? 0;
  }

  all(): readonly AgeRow[] {
    return this.rows;
  }

  /** Of the rows that are past the retention only the last is needed. */
  private forget(now: number): void {
    const kept = this.rows.findLastIndex(({ at }) => at <= now - this.retentionMs);
    if (kept > 0) this.rows = this.rows.slice(kept);
  }
}
