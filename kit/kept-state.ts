import { z } from "zod";
import { compileShape, NO_MATCH } from "./shape.ts";
import type { StreamContext } from "../core/function.ts";
import type { ShapeParser } from "./shape.ts";

/** A state as it lies in its slot: the version of its shape, up to when event time had come (with a ttl), the value. */
const keptSchema = z.object({ v: z.int().positive(), at: z.number().exactOptional(), state: z.unknown() });
export type Kept = z.infer<typeof keptSchema>;
export const KEPT_SCHEMA: z.ZodType<Kept> = keptSchema;

const SLOT = "state";
const TTL_TIMER = "ttl";

export interface KeptStateOptions<State> {
  readonly fn: string;
  readonly schema: z.ZodType<State>;
  readonly version: number;
  /** Null: kept for ever. */
  readonly ttlMs: number | null;
  initial(): State;
  readonly migrate: ((old: unknown, fromVersion: number) => unknown) | null;
}

/** The state of a user's function, one for each device: its shape checked, old shapes migrated, forgotten after the ttl. */
export class KeptState<State> {
  private readonly options: KeptStateOptions<State>;
  private readonly parse: ShapeParser<State>;

  constructor(options: KeptStateOptions<State>) {
    this.options = options;
    this.parse = compileShape(options.schema);
  }

  read(context: StreamContext<Kept>): State {
    const kept = context.state.get(SLOT);
    if (kept === undefined) return this.checked(this.options.initial(), "initial() returns");
    if (kept.v === this.options.version) return this.checked(kept.state, "the device has");
    return this.migrated(kept);
  }

  /** Keeps a new state, or only that there was a reading: `at` is how far event time has come. Nothing of it is undefined. */
  write(state: State | undefined, at: number, context: StreamContext<Kept>): void {
    const { ttlMs, version } = this.options;
    const kept = context.state.get(SLOT);
    if (state === undefined && (kept === undefined || ttlMs === null)) return;
    const value = state === undefined ? kept?.state : this.checked(state, "returns");
    const v = state === undefined ? (kept?.v ?? version) : version;
    if (ttlMs === null) {
      context.state.set(SLOT, { v, state: value });
      return;
    }
    const newest = Math.max(kept?.at ?? 0, at);
    // One timer for the life of the state, set anew when it fires too early: one for each reading would cost as much as the state.
    if (kept?.at === undefined) context.timers.set(TTL_TIMER, newest + ttlMs);
    context.state.set(SLOT, { v, at: newest, state: value });
  }

  /** True when the timer was the state's own. */
  onTimer(name: string, at: number, context: StreamContext<Kept>): boolean {
    if (name !== TTL_TIMER) return false;
    const { ttlMs } = this.options;
    const kept = context.state.get(SLOT);
    if (ttlMs === null || kept?.at === undefined) return true;
    if (kept.at + ttlMs > at) context.timers.set(TTL_TIMER, kept.at + ttlMs);
    else context.state.delete(SLOT);
    return true;
  }

  private migrated(kept: Kept): State {
    const { fn, version, migrate } = this.options;
    if (migrate === null || kept.v > version) {
      const remedy = kept.v > version ? "deploy a function that knows it" : "define migrate(old, fromVersion)";
      throw new TypeError(`${fn}: the device has a state of stateVersion ${kept.v}, not ${version}: ${remedy}`);
    }
    return this.checked(migrate(kept.state, kept.v), `migrate() from stateVersion ${kept.v} returns`);
  }

  private checked(state: unknown, who: string): State {
    const parsed = this.parse(state);
    if (parsed !== NO_MATCH) return parsed;
    const faults = this.options.schema.safeParse(state).error?.issues ?? [];
    const text = faults.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; ");
    const remedy = "return one that matches, or raise stateVersion and define migrate()";
    throw new TypeError(`${this.options.fn}: ${who} a state that does not match its schema (${text}): ${remedy}`);
  }
}
