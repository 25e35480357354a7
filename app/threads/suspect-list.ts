import { LIMITS } from "../../core/limits.ts";
import type { FatalErrorClass } from "../../core/verdict.ts";
import type { Suspect, Suspicions } from "../../runtime/suspects.ts";
import type { CallPlace } from "./call-marks.ts";

export interface Death {
  readonly errorClass: FatalErrorClass;
  readonly error: string;
  /** Where the thread was, or was last when `call` is 0; null when it had not made a call. */
  readonly at: CallPlace | null;
}

/**
 * What threads have died of, for the one that comes next. A call is tried once more, alone, and condemned when that goes wrong too. Of a
 * step that goes on killing, each time in another call, the first is condemned that is not yet: with it goes what is called within it.
 */
export class SuspectList {
  private calls: Suspect[] = [];
  private search = false;

  get all(): Suspicions {
    return { calls: [...this.calls], search: this.search };
  }

  /** Returns what is going to be done about it, for people. */
  died({ errorClass, error, at }: Death): "retried" | "condemned" | "searched" | "unknown" {
    if (at === null) return "unknown";
    if (at.call === 0) {
      this.search = true;
      return "searched";
    }
    const ofStep = this.calls.filter((one) => isSameStep(one, at));
    const known = ofStep.find(({ call }) => call === at.call);
    const isLost = known?.condemned === true || (known === undefined && ofStep.length >= LIMITS.deathsOfStepMax);
    const condemned = isLost || known !== undefined;
    const call = isLost ? firstUncondemned(ofStep) : at.call;
    // What was searched for is found.
    if (condemned) this.search = false;
    this.suspectCall({ ...at, call, errorClass, error, condemned });
    return condemned ? "condemned" : "retried";
  }

  private suspectCall(suspect: Suspect): void {
    const others = this.calls.filter((one) => one.call !== suspect.call || !isSameStep(one, suspect));
    this.calls = [...others, suspect].slice(-LIMITS.suspectsMax);
  }
}

function isSameStep(one: CallPlace, other: CallPlace): boolean {
  return one.partition === other.partition && one.offset === other.offset && one.step === other.step;
}

function firstUncondemned(ofStep: readonly Suspect[]): number {
  const condemned = new Set(ofStep.filter((one) => one.condemned).map(({ call }) => call));
  let call = 1;
  while (condemned.has(call)) call += 1;
  return call;
}
