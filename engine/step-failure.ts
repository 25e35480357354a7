import { LIMITS } from "../core/limits.ts";
import { engineIdentity } from "./dead-letter.ts";
import type { FunctionIdentity } from "./dead-letter.ts";
import type { PlacedFunction } from "./function-call.ts";
import type { PartitionParts } from "./partition-parts.ts";

/** Why a scope of a step is undone, and whose dead letter it is. */
export interface StepFailure {
  readonly by: FunctionIdentity;
  readonly error: unknown;
}

/** Whose dead letter it is when no function threw, but all of them together made too much. */
export const WHOLE_STEP = engineIdentity("$step");

export function identityOf({ fn, functionVersion, stateName }: PlacedFunction): FunctionIdentity {
  return { function: stateName, version: fn.version, functionVersion };
}

/** Of the outputs and the state that the step has made so far. */
export function stepBytes({ outputs, store }: PartitionParts): number {
  return outputs.stepBytes + store.stepBytes;
}

export function tooMuchAtOnce(parts: PartitionParts): RangeError {
  const text = `it makes ${stepBytes(parts)} bytes of outputs and state at once; ${LIMITS.stepBytesMax} are allowed`;
  return new RangeError(text);
}
