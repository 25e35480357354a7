import { z } from "zod";
import { LIMITS } from "../../../core/limits.ts";
import { DIRTY_TABLE } from "./dirty-buckets.ts";
import { keptSince, type RollupRetention } from "./rollup-levels.ts";
import { rollupStatements, type RollupPass } from "./rollup-statements.ts";
import type { Clock } from "../../../core/clock.ts";
import type { ClickHouseLink } from "../clickhouse-link.ts";
import type { SinkCounters } from "../sink-counters.ts";

/** How much is computed at once. */
export interface RollupPace {
  /** Between two rounds: what comes in meanwhile for the same bucket is computed once. */
  readonly delayMs: number;
  /** The pause is at least so many times as long as what it follows took: a large fleet is rolled up less often, not at any price. */
  readonly restFactor: number;
  /** Marks of one pass; it is what a crash has to do again. */
  readonly passMarks: number;
  /** How long a round begins passes; then inserts have their turn for as long. */
  readonly roundMs: number;
}

export const ROLLUP_PACE: RollupPace = {
  delayMs: LIMITS.rollupDelayMs,
  restFactor: 20,
  passMarks: 20_000,
  roundMs: 1000,
};

export interface RollupsOptions extends RollupPace {
  readonly link: ClickHouseLink;
  readonly clock: Clock;
  readonly counters: Pick<SinkCounters, "rollupBuckets">;
  readonly retention: RollupRetention;
}

const slotRow = z.object({ slot: z.number(), marks: z.number() });

/**
 * Computes the buckets that are marked as dirty, in rounds between inserts. The marks stand in the database and go when their buckets are
 * computed, so whoever comes next computes what a killed one has left. One round at a time, and none beside the removal of a device.
 */
export class Rollups {
  readonly #options: RollupsOptions;
  #slot = 1;
  #isMarked = false;
  #nextAt = Number.NEGATIVE_INFINITY;
  #work: RollupPass | null = null;
  #spentMs = 0;

  constructor(options: RollupsOptions) {
    this.#options = options;
  }

  /** Where marks go from now on. A slot is computed only after the next one has begun. */
  get slot(): number {
    return this.#slot;
  }

  /** Takes up what the database holds; `planSlot` is that of an insert which is still to be repeated. */
  async restore(planSlot: number): Promise<void> {
    const slots = await this.#slots();
    this.#slot = Math.max(planSlot, ...slots.map(({ slot }) => slot)) + 1;
    this.#isMarked = planSlot > 0 || slots.length > 0;
    this.#work = null;
    this.#nextAt = this.#options.clock.now() + this.#options.delayMs;
  }

  /** Marks have gone to the slot. */
  mark(): void {
    this.#isMarked = true;
  }

  isDue(): boolean {
    return (this.#work !== null || this.#isMarked) && this.#options.clock.now() >= this.#nextAt;
  }

  /** One round: all that is marked, or what can be begun in the time of a round. Errors: SINK_UNAVAILABLE, SINK_REFUSED, CONFIG_INVALID. */
  async round(): Promise<void> {
    const { link, clock, counters, retention, delayMs, restFactor, roundMs } = this.#options;
    this.#work ??= await this.#begin();
    const work = this.#work;
    const begun = performance.now();
    const finerSince = (level: Parameters<typeof keptSince>[0]): number => keptSince(level, retention, clock.now());
    for (let { pass } = work; pass < work.passes; pass += 1) {
      for (const statement of rollupStatements({ ...work, pass }, finerSince)) await link.command(statement);
      if (performance.now() - begun < roundMs || pass + 1 >= work.passes) continue;
      this.#work = { ...work, pass: pass + 1 };
      this.#spentMs += performance.now() - begun;
      this.#nextAt = clock.now() + roundMs;
      return;
    }
    for (const { slot, marks } of await this.#slots()) {
      if (slot > work.upToSlot) continue;
      await link.command(`ALTER TABLE ${DIRTY_TABLE} DROP PARTITION ${slot}`);
      counters.rollupBuckets.add(marks);
    }
    this.#work = null;
    this.#nextAt = clock.now() + Math.max(delayMs, restFactor * (this.#spentMs + performance.now() - begun));
    this.#spentMs = 0;
  }

  async #begin(): Promise<RollupPass> {
    const upToSlot = this.#slot;
    this.#slot += 1;
    this.#isMarked = false;
    const marks = (await this.#slots()).reduce((sum, one) => sum + (one.slot > upToSlot ? 0 : one.marks), 0);
    return { upToSlot, passes: Math.ceil(marks / this.#options.passMarks), pass: 0 };
  }

  #slots(): Promise<readonly z.infer<typeof slotRow>[]> {
    return this.#options.link.query(`SELECT slot, count() AS marks FROM ${DIRTY_TABLE} GROUP BY slot`, slotRow);
  }
}
