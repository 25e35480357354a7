import { defineStream, z } from "millrace/function";

const TOLERATED_MS = 2 * 60_000;

/** Says when a door has stood open for two minutes, by a timer: nothing has to come in meanwhile. */
export const doorLeftOpen = defineStream({
  name: "door-left-open",
  input: z.object({ door: z.boolean() }),
  state: z.object({ openSince: z.number().nullable(), openings: z.number() }),
  initial: () => ({ openSince: null, openings: 0 }),
  process({ ts, metrics: { door } }, state, { timers }) {
    if (door === (state.openSince !== null)) return undefined;
    if (!door) {
      timers.clear("open");
      const openSeconds = Math.round((ts - (state.openSince ?? ts)) / 1000);
      return { state: { ...state, openSince: null }, emit: { door_open_seconds: openSeconds } };
    }
    timers.set("open", ts + TOLERATED_MS);
    const openings = state.openings + 1;
    return { state: { openSince: ts, openings }, emit: { door_openings: openings } };
  },
  onTimer(_name, _at, _state, context) {
    context.event("the door has been open for 2 min");
  },
});
