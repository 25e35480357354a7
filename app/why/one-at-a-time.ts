import { MillraceError } from "../../core/errors.ts";

/** Does one thing at a time, in the order in which they are asked for. */
export class OneAtATime {
  private readonly waitingMax: number;
  /** Asked for and not done: what is under way too. */
  private open = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(waitingMax: number) {
    this.waitingMax = waitingMax;
  }

  /** What `work` gives, once those before are done. LIMIT_EXCEEDED when too many wait. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.open > this.waitingMax) {
      throw new MillraceError("LIMIT_EXCEEDED", `${this.waitingMax} such requests are waiting already`, {
        remedy: "Ask again in a moment: they are done one at a time, beside everything else.",
      });
    }
    this.open += 1;
    const done = this.last.then(work).finally(() => (this.open -= 1));
    this.last = done.catch(() => undefined);
    return done;
  }
}
