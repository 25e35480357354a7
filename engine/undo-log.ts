/** Takes one change back: told what it was told of with the change. */
type Undo = (target: never, a: never, b: never) => void;

/**
 * What a step has changed, so that a throw undoes exactly that step. Scopes nest: a timer that fires inside a record's step can be
 * undone alone, and the record with all timers inside it. Of a change is kept how to undo it and what is needed for that, side by side: a closure
 * for each, of which a message makes a dozen, would be a tenth of what the collector has to do.
 */
export class UndoLog {
  /** These never shrink, so that a step costs no growing: `length` says how many count. */
  private readonly undos: Undo[] = [];
  private readonly targets: unknown[] = [];
  private readonly firsts: unknown[] = [];
  private readonly seconds: unknown[] = [];
  private length = 0;

  /** Called with every change, before or after it is made. `undo` gets the rest. */
  record<Target, A, B>(undo: (target: Target, a: A, b: B) => void, target: Target, a: A, b: B): void {
    const { length } = this;
    this.undos[length] = undo;
    this.targets[length] = target;
    this.firsts[length] = a;
    this.seconds[length] = b;
    this.length = length + 1;
  }

  mark(): number {
    return this.length;
  }

  /** Takes back all changes since the mark, newest first. */
  rollback(mark: number): void {
    while (this.length > mark) {
      this.length -= 1;
      const { length } = this;
      // They were recorded together, so that they fit.
      this.undos[length]?.(this.targets[length] as never, this.firsts[length] as never, this.seconds[length] as never);
    }
  }

  /** Keeps all changes for good. */
  clear(): void {
    this.length = 0;
  }
}
