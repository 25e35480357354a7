import { defineStream, z } from "millrace/function";

/** Longer silences are not counted as running: nobody knows. */
const COUNTED_GAP_MS = 10 * 60_000;

/** Hours that a machine has run, and how often it has started: what its maintenance goes by. */
export const runningHours = defineStream({
  name: "running-hours",
  input: z.object({ running: z.boolean() }),
  state: z.object({ at: z.number(), running: z.boolean(), ms: z.number(), starts: z.number() }),
  initial: () => ({ at: 0, running: false, ms: 0, starts: 0 }),
  process({ ts, metrics: { running } }, state) {
    // What comes late lies in time that is counted already.
    if (ts <= state.at) return undefined;
    const gap = ts - state.at;
    const ms = state.ms + (state.running && gap <= COUNTED_GAP_MS ? gap : 0);
    const starts = state.starts + (running && !state.running ? 1 : 0);
    return {
      state: { at: ts, running, ms, starts },
      emit: { running_hours: Math.round(ms / 36_000) / 100, starts },
    };
  },
});
