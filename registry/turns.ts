import { MillraceError } from "../core/errors.ts";

/** Work that runs one after the other, in the order in which it was asked for. */
export interface Turns {
  /** REGISTRY_IO when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when all that was asked for so far is done. */
  idle(): Promise<void>;
}

export function createTurns(waitingMax: number): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async run(work) {
      if (waiting >= waitingMax) {
        throw new MillraceError("REGISTRY_IO", `${waiting} changes wait for the registry's database already`, {
          remedy: "Look at what holds the database up.",
        });
      }
      waiting += 1;
      const turn = last.then(work).finally(() => (waiting -= 1));
      last = turn.catch(() => undefined);
      return turn;
    },
    idle: async () => void (await last),
  };
}
