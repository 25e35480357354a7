import { LIMITS } from "../core/limits.ts";
import type { ReportFault } from "../core/fault.ts";
import type { PartEvent, PartFault, PartHealth } from "./part-health.ts";

/** The faults that a part reports of itself, as they stand, and the last events. */
export interface FaultBoard {
  readonly report: ReportFault;
  /** With the reasons why the part cannot serve now, if there are any. */
  health(reasons: readonly string[]): PartHealth;
}

export function createFaultBoard(): FaultBoard {
  const standing = new Map<string, PartFault>();
  const events: PartEvent[] = [];
  let sequence = 0;
  return {
    report(id, transition, text) {
      if (transition === "raised") standing.set(id, { id, text });
      else if (transition === "cleared") standing.delete(id);
      else {
        sequence += 1;
        events.push({ id, text, sequence });
        if (events.length > LIMITS.faultEventsMax) events.shift();
      }
    },
    health: (reasons) => ({ reasons: [...new Set(reasons)], faults: [...standing.values()], events: [...events] }),
  };
}
