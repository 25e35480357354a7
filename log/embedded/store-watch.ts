import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { commitFailure, isBroken } from "./commit-failure.ts";
import { holdFile } from "./held-file.ts";
import { logFile } from "./log-file.ts";
import { storeError } from "./store-damage.ts";
import type { Logger } from "../../core/logger.ts";
import type { Capacity } from "./capacity.ts";
import type { LogStore } from "./log-store.ts";

export interface StoreWatchOptions {
  readonly directory: string;
  readonly store: LogStore;
  readonly capacity: Capacity;
  readonly logger: Logger;
}

/** What goes wrong with the store under the writer: each kind ends in a refusal, and in one line for the operator. */
export class StoreWatch {
  private readonly options: StoreWatchOptions;
  private readonly isHeld: () => boolean;
  private loss: MillraceError | null = null;

  constructor(options: StoreWatchOptions) {
    this.options = options;
    this.isHeld = holdFile(logFile(options.directory));
  }

  /** LOG_LOST once the file is not where it was: nobody will read what is written from then on. Null while it is. */
  lost(): MillraceError | null {
    if (this.loss !== null || this.isHeld()) return this.loss;
    const file = logFile(this.options.directory);
    this.loss = new MillraceError("LOG_LOST", `${file} was deleted or replaced while the log was in use`, {
      remedy: "stop Millrace, put the directory back or restore a backup, and start it again",
    });
    this.note(this.loss, true);
    return this.loss;
  }

  /** What reading for a write gave: damage ends the writing. A programmer's error is thrown on. */
  noteDamage(error: unknown): void {
    const damage = storeError(error, this.options.directory);
    if (!isMillraceError(damage)) throw damage;
    this.note(damage, true);
  }

  /** The code of a write that failed. */
  async noteFailedWrite(error: unknown): Promise<MillraceError> {
    const failure = await commitFailure(error, this.options.directory);
    this.note(failure, failure.code === "DATA_DAMAGED" || isBroken(this.options.store));
    return failure;
  }

  private note(failure: MillraceError, broken: boolean): void {
    this.options.capacity.noteFailure(failure, broken);
    this.options.logger.error({ code: failure.code, broken }, failure.message);
  }
}
