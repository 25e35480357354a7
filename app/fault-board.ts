import type { ReportFault } from "../core/fault.ts";

/** The faults that a part reports of itself, as they stand. */
export interface FaultBoard {
  readonly report: ReportFault;
  texts(): readonly string[];
}

export function createFaultBoard(): FaultBoard {
  const standing = new Map<string, string>();
  return {
    report(id, transition, text) {
      if (transition === "raised") standing.set(id, text);
      else standing.delete(id);
    },
    texts: () => [...standing.values()],
  };
}
