import { z } from "zod";
import type { StreamContext } from "../core/function.ts";
import type { FoldInput } from "../engine/windows/window-fold.ts";
import type { Window } from "../engine/windows/window-lanes.ts";

export interface CountFoldDefinition<In extends FoldInput, Acc> {
  readonly acc: z.ZodType<Acc>;
  readonly readings: number;
  add(acc: Acc | undefined, reading: In): Acc;
  emit(acc: Acc, window: Window, context: StreamContext<CountSlot<Acc>>): void;
}

/** The window that is filling: how many readings it has, and from when to when. */
export interface CountSlot<Acc> {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly acc: Acc;
}

export interface CountFold<In, Acc> {
  readonly state: z.ZodType<CountSlot<Acc>>;
  onInput(reading: In, context: StreamContext<CountSlot<Acc>>): void;
  onTimer(): void;
  onTimerFailed(): void;
}

const SLOT = "filling";

/** Windows of so many readings per device, in the order of the log: no reading is late, and none is waited for. */
export function createCountFold<In extends FoldInput, Acc>(
  definition: CountFoldDefinition<In, Acc>,
): CountFold<In, Acc> {
  return {
    state: z.object({ count: z.number(), first: z.number(), last: z.number(), acc: definition.acc }),
    onInput(reading, context) {
      const { ts } = reading;
      const known = context.state.get(SLOT);
      const acc = definition.add(known?.acc, reading);
      const count = (known?.count ?? 0) + 1;
      const first = Math.min(known?.first ?? ts, ts);
      const last = Math.max(known?.last ?? ts, ts);
      if (count < definition.readings) {
        context.state.set(SLOT, { count, first, last, acc });
        return;
      }
      context.state.delete(SLOT);
      definition.emit(acc, { start: first, end: last + 1 }, context);
    },
    // It sets none.
    onTimer: () => undefined,
    onTimerFailed: () => undefined,
  };
}
