import { defineStream } from "millrace/function";
import { addToQuarter, meterInput, quarterSchema } from "../meter.ts";

/**
 * Mean power of each quarter of an hour, kW: what grid operators charge by. It begins with the meter's counter, since a function does not
 * see what `consumption` makes of it.
 */
export const quarterHourDemand = defineStream({
  name: "quarter-hour-demand",
  input: meterInput,
  state: quarterSchema.nullable(),
  initial: () => null,
  process({ ts, metrics: { energy_kwh: kwh } }, before) {
    const { quarter, over } = addToQuarter(before, { at: ts, kwh });
    if (over === undefined) return { state: quarter };
    return { state: quarter, emit: [{ ts: over.at, metrics: { demand_kw: over.kw } }] };
  },
});
