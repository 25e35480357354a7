import type { CallMarker, FatalErrorClass, Verdict } from "../core/verdict.ts";
import type { CallMeter } from "../core/call-meter.ts";
import type { CanaryOutcome } from "../core/canary.ts";
import type { CallInput } from "./function-call.ts";
import type { Step } from "../core/commit-unit.ts";
import type { EngineSlot } from "./state-slots.ts";

/** Stands for what a function threw when a call is not made any more, because of a verdict. */
export class CondemnedCall extends Error {
  override readonly name = "CondemnedCall";
  readonly errorClass: FatalErrorClass;

  constructor({ error, errorClass }: Verdict) {
    super(error);
    this.errorClass = errorClass;
  }
}

/** Numbers the calls of each step, writes down which one runs, and refuses those on which a verdict stands. */
export class NumberedCalls {
  private readonly partition: number;
  private readonly verdicts: EngineSlot<readonly Verdict[]>;
  private readonly marker: CallMarker | null;
  private readonly meter: CallMeter | null;
  private at: Step = { offset: 0, step: 0 };
  private made = 0;
  private running = 0;

  constructor(
    partition: number,
    verdicts: EngineSlot<readonly Verdict[]>,
    marker: CallMarker | null,
    meter: CallMeter | null,
  ) {
    this.partition = partition;
    this.verdicts = verdicts;
    this.marker = marker;
    this.meter = meter;
  }

  beginStep(at: Step): void {
    this.at = at;
    this.made = 0;
  }

  /** Begins a call. Returns the one around it, for `leave`. Throws CondemnedCall. */
  enter(): number {
    const outer = this.running;
    this.made += 1;
    if (this.verdicts.value !== null) this.requireUncondemned(this.made);
    this.running = this.made;
    this.marker?.mark(this.partition, this.at.offset, this.at.step, this.made);
    return outer;
  }

  /** To be called however the call ended. */
  leave(outer: number): void {
    this.running = outer;
    this.marker?.mark(this.partition, this.at.offset, this.at.step, outer);
  }

  /** As a call. Throws CondemnedCall, and what it throws. */
  run<Result>(called: () => Result): Result {
    const outer = this.enter();
    try {
      return called();
    } finally {
      this.leave(outer);
    }
  }

  /** As `enter`, and told to the meter as a call of that function. */
  begin({ placed, cause }: Pick<CallInput, "placed" | "cause">): number {
    const outer = this.enter();
    this.meter?.begin(placed.functionVersion, cause === "input");
    return outer;
  }

  /** As `leave`, and told to the meter. */
  end(outer: number, failed: boolean): void {
    this.meter?.end(failed);
    this.leave(outer);
  }

  /** Tells the meter what came of a canary's call. */
  compared(functionVersion: string, outcome: CanaryOutcome): void {
    this.meter?.compared(functionVersion, outcome);
  }

  private requireUncondemned(call: number): void {
    const { offset, step } = this.at;
    const verdict = this.verdicts.value?.find((one) => one.offset === offset && one.step === step && one.call === call);
    if (verdict !== undefined) throw new CondemnedCall(verdict);
  }
}
