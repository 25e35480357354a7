import type { CanaryOutcome } from "./canary.ts";

/** Told by the engine of every call of a function, from the outside in where they are nested. It changes no result. */
export interface CallMeter {
  /** `functionVersion` is name@version. Not an input: a timer, or a change of configuration. */
  begin(functionVersion: string, isInput: boolean): void;
  /** Of the call that began last and has not ended. */
  end(failed: boolean): void;
  /** What came of a call of a canary and of the version that is live. `functionVersion` is the canary's. */
  compared(functionVersion: string, outcome: CanaryOutcome): void;
}
