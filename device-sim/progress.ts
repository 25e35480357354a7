import type { Clock } from "../core/clock.ts";
import { SIM_PACES } from "./sim-paces.ts";

/** Calls `report` at most once per `progressMs`, and always at the end: a caller's progress bar is never a brake. */
export function createProgress(clock: Clock, report: (() => void) | undefined): { changed(): void; done(): void } {
  let lastAt = -Infinity;
  return {
    changed() {
      if (report === undefined) return;
      const now = clock.now();
      if (now - lastAt < SIM_PACES.progressMs) return;
      lastAt = now;
      report();
    },
    done() {
      report?.();
    },
  };
}
