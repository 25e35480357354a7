import type { Fault } from "../core/overview.ts";

/** How a part stands, as it says itself. `reasons` make the instance unready; faults and events are for people. */
export interface PartHealth {
  readonly reasons: readonly string[];
  /** What is wrong and stands until it is cleared. */
  readonly faults: readonly PartFault[];
  /** The newest of what has happened once and cannot be undone, such as a loss. */
  readonly events: readonly PartEvent[];
}

/** `id` is stable while the fault stands, and the part's own. */
export type PartFault = Pick<Fault, "id" | "text">;

export interface PartEvent extends PartFault {
  /** Grows with every event of the part. */
  readonly sequence: number;
}
