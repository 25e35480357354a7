/**
 * What a step has changed, so that a throw undoes exactly that step. Scopes nest: a timer that fires inside a record's step can be
 * undone alone, and the record with all timers inside it.
 */
export class UndoLog {
  /** Never shrinks, so that a step costs no growing: `length` says how many entries count. */
  private readonly entries: (() => void)[] = [];
  private length = 0;

  /** Called with every change, before or after it is made. */
  record(undo: () => void): void {
    this.entries[this.length] = undo;
    this.length += 1;
  }

  mark(): number {
    return this.length;
  }

  /** Takes back all changes since the mark, newest first. */
  rollback(mark: number): void {
    while (this.length > mark) {
      this.length -= 1;
      this.entries[this.length]?.();
    }
  }

  /** Keeps all changes for good. */
  clear(): void {
    this.length = 0;
  }
}
