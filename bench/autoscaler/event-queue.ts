/** Things that happen at a time, in order; what is scheduled first comes first at the same time. */
export class EventQueue {
  private readonly events: { readonly at: number; readonly run: (at: number) => void }[] = [];

  schedule(at: number, run: (at: number) => void): void {
    const after = this.events.findLastIndex((event) => event.at <= at);
    this.events.splice(after + 1, 0, { at, run });
  }

  /** Runs all that happens before `end`, with what it schedules. */
  runUntil(end: number): void {
    for (let next = this.events[0]; next !== undefined && next.at < end; next = this.events[0]) {
      this.events.shift();
      next.run(next.at);
    }
  }
}
