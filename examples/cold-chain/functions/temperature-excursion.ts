import { defineStream, z } from "millrace/function";

/** Vaccines and most medicines are kept at 2–8 °C; this long outside is what a cold room may take. */
const COLDEST_C = 2;
const WARMEST_C = 8;
const TOLERATED_MS = 15 * 60_000;

/** Minutes for which a room has been too cold or too warm without a break, and a device event once it is too long. */
export const temperatureExcursion = defineStream({
  name: "temperature-excursion",
  input: z.object({ temperature: z.number() }),
  select: { type: "cold-room" },
  state: z.object({ since: z.number().nullable(), worst: z.number(), told: z.boolean() }),
  initial: () => ({ since: null, worst: 0, told: false }),
  ttl: "30d",
  process({ ts, metrics: { temperature } }, state, context) {
    const beyond = Math.max(COLDEST_C - temperature, temperature - WARMEST_C, 0);
    if (beyond === 0) {
      return { state: { since: null, worst: 0, told: false }, emit: { excursion_minutes: 0 } };
    }
    // Rooms report late after a lost link: an excursion begins with its earliest reading.
    const since = Math.min(state.since ?? ts, ts);
    const worst = Math.max(state.worst, beyond);
    const isTooLong = ts - since >= TOLERATED_MS;
    if (isTooLong && !state.told) context.event(`${worst.toFixed(1)} °C outside of 2–8 °C for 15 min`);
    return {
      state: { since, worst, told: state.told || isTooLong },
      emit: { excursion_minutes: Math.round((ts - since) / 6000) / 10, excursion_worst: Math.round(worst * 100) / 100 },
    };
  },
});
