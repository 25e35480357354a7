import type { TopicPosition } from "../../core/event-log.ts";
import type { InsertPlan } from "./insert-plan.ts";

/** Rows of `readings` that the main stage has made, and the positions of the log up to which they are all: of one moment. */
export interface SettledReadings {
  readonly rows: number;
  readonly positions: readonly TopicPosition[];
}

/** Keeps count of the rows as plans are settled, so that nobody has to count them in the tables to show how far they are. */
export class SettledCount {
  #latest: SettledReadings | null = null;

  /** Null before the sink has restored its progress. */
  latest(): SettledReadings | null {
    return this.#latest;
  }

  /** What the table was found to hold. */
  reset(rows: number, positions: readonly TopicPosition[]): void {
    this.#latest = { rows, positions };
  }

  settle(plan: Pick<InsertPlan, "inserts">, positions: readonly TopicPosition[]): void {
    if (this.#latest === null) return;
    const readings = plan.inserts.filter(({ table }) => table === "readings");
    const inserted = readings.reduce((sum, { rows, derived = 0 }) => sum + rows - derived, 0);
    this.#latest = { rows: this.#latest.rows + inserted, positions };
  }
}
