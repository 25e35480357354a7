import type { MillraceError } from "../../core/errors.ts";

/** Calls of one commit: a flood of them must not hold the event loop. */
const CALLS_PER_COMMIT = 1000;

interface Call {
  readonly run: () => void;
  readonly answer: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Group commit: what is called while a commit is under way, or in one turn of the event loop, shares the next one. Calls run in the order
 * in which they were made, when their commit begins, and are answered when it has landed.
 */
export class CommitTurns {
  readonly #commit: (run: () => void) => Promise<MillraceError | null>;
  readonly #calls: Call[] = [];
  #busy = false;
  #closed: MillraceError | null = null;
  readonly #idleWaiters: (() => void)[] = [];

  /** `commit` runs the calls and makes durable what they did; it resolves with the error when nothing of it is. */
  constructor(commit: (run: () => void) => Promise<MillraceError | null>) {
    this.#commit = commit;
  }

  call<T>(run: () => T): Promise<T> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      let result: { readonly value: T } | null = null;
      this.#calls.push({
        run: () => void (result = { value: run() }),
        answer: () => result !== null && resolve(result.value),
        refuse: reject,
      });
      this.#schedule();
    });
  }

  /** Takes no more calls. Resolves when those that were taken are answered. */
  async close(reason: MillraceError): Promise<void> {
    this.#closed = reason;
    if (this.#busy) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Refuses what waits. */
  abandon(reason: MillraceError): void {
    for (const { refuse } of this.#calls.splice(0)) refuse(reason);
  }

  #schedule(): void {
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => void this.#leave());
  }

  async #leave(): Promise<void> {
    const calls = this.#calls.splice(0, CALLS_PER_COMMIT);
    const error = calls.length === 0 ? null : await this.#commit(() => calls.forEach(({ run }) => run()));
    for (const { answer, refuse } of calls) {
      if (error === null) answer();
      else refuse(error);
    }
    this.#busy = false;
    if (this.#calls.length > 0) this.#schedule();
    else for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
