import { isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { WHOLE_STEP, stepBytes, tooMuchAtOnce } from "./step-failure.ts";
import type { FunctionIdentity } from "./dead-letter.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { StepFailure } from "./step-failure.ts";

/** The scopes of a step: each takes effect as a whole, or not at all. They nest. */
export class StepScopes {
  private readonly parts: PartitionParts;
  private failure: StepFailure | null = null;

  constructor(parts: PartitionParts) {
    this.parts = parts;
  }

  /** Remembers who threw first: a function that catches what `emit` throws must not hide the failure of the next one. */
  failed(by: FunctionIdentity, error: unknown): unknown {
    if (!isMillraceError(error, "STATE_INVALID")) this.failure ??= { by, error };
    return error;
  }

  /** Runs a scope. When anything in it failed, undoes it and says what. Damaged state is nobody's dead letter: it ends the stage. */
  attempt(run: () => void): StepFailure | null {
    const mark = this.parts.undo.mark();
    const outer = this.failure;
    this.failure = null;
    try {
      run();
    } catch (error) {
      if (this.failure === null) throw error;
    }
    const failure: StepFailure | null = this.failure;
    this.failure = outer;
    if (failure !== null) this.parts.undo.rollback(mark);
    return failure;
  }

  /** A scope that is a whole step: it fails too when it makes more than a commit can carry. */
  attemptStep(run: () => void): StepFailure | null {
    return this.attempt(() => {
      run();
      if (stepBytes(this.parts) > LIMITS.stepBytesMax) throw this.failed(WHOLE_STEP, tooMuchAtOnce(this.parts));
    });
  }
}
