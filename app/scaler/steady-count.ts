/** A count that follows one that flickers, when that has stayed the same for so long: pods are one more for a while when they are replaced. */
export class SteadyCount {
  private readonly settleMs: number;
  private shown: number | null = null;
  private candidate = 0;
  private since = 0;

  constructor(settleMs: number) {
    this.settleMs = settleMs;
  }

  take(count: number, at: number): number {
    this.shown ??= count;
    if (count !== this.candidate) this.since = at;
    this.candidate = count;
    if (at - this.since >= this.settleMs) this.shown = count;
    return this.shown;
  }
}
