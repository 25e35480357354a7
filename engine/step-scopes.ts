import { isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { WHOLE_STEP, stepBytes, tooMuchAtOnce } from "./step-failure.ts";
import type { FunctionIdentity } from "./dead-letter.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { StepFailure } from "./step-failure.ts";

/**
 * The scopes of a step: each takes effect as a whole, or not at all. They nest. A scope is begun, and ended however what it holds ended; between
 * the two `caught` is told what was thrown.
 */
export class StepScopes {
  private readonly parts: PartitionParts;
  private failure: StepFailure | null = null;
  /** Of the scopes that are open, from the outermost on: where their changes begin, and what had failed before them. */
  private readonly marks: number[] = [];
  private readonly outer: (StepFailure | null)[] = [];

  constructor(parts: PartitionParts) {
    this.parts = parts;
  }

  /** Remembers who threw first: a function that catches what `emit` throws must not hide the failure of the next one. */
  failed(by: FunctionIdentity, error: unknown): unknown {
    if (!isMillraceError(error, "STATE_INVALID")) this.failure ??= { by, error };
    return error;
  }

  begin(): void {
    this.marks.push(this.parts.undo.mark());
    this.outer.push(this.failure);
    this.failure = null;
  }

  /** Throws what nobody answers for: damaged state is nobody's dead letter, it ends the stage. */
  caught(error: unknown): void {
    if (this.failure !== null) return;
    this.end();
    throw error;
  }

  /** To be called last in a scope that is a whole step: it fails too when it makes more than a commit can carry. */
  requireStepFits(): void {
    if (stepBytes(this.parts) > LIMITS.stepBytesMax) throw this.failed(WHOLE_STEP, tooMuchAtOnce(this.parts));
  }

  /** When anything in the scope failed, undoes it and says what. */
  end(): StepFailure | null {
    const { failure } = this;
    const mark = this.marks.pop() ?? 0;
    this.failure = this.outer.pop() ?? null;
    if (failure !== null) this.parts.undo.rollback(mark);
    return failure;
  }

  attempt(run: () => void): StepFailure | null {
    this.begin();
    try {
      run();
    } catch (error) {
      this.caught(error);
    }
    return this.end();
  }

  attemptStep(run: () => void): StepFailure | null {
    return this.attempt(() => {
      run();
      this.requireStepFits();
    });
  }
}
