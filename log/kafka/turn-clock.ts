/** The process's clock, looked at once in a turn of the event loop: asking for the time costs more than taking a record. */
export class TurnClock {
  private time: number | null = null;

  /** Ms, as of the first question of this turn. */
  now(): number {
    if (this.time !== null) return this.time;
    this.time = performance.now();
    setImmediate(() => (this.time = null));
    return this.time;
  }
}
