import { LIMITS } from "../core/limits.ts";
import { wholeNumber } from "./whole-number.ts";
import type { RollupRetention } from "../sinks/clickhouse/rollups/rollup-levels.ts";
import type { Config } from "./config.ts";

/** Settings of roll-ups: a part of those in config.ts. */
export const rollupSettings = {
  minuteRollupDays: rollupDays("minute"),
  hourRollupDays: rollupDays("hour"),
  dayRollupDays: rollupDays("day"),
};

/** How long roll-ups are kept, by table. */
export function rollupRetention(config: Config): RollupRetention {
  const { minuteRollupDays, hourRollupDays, dayRollupDays } = config;
  return {
    ...(minuteRollupDays === undefined ? {} : { rollup_minutes: minuteRollupDays }),
    ...(hourRollupDays === undefined ? {} : { rollup_hours: hourRollupDays }),
    ...(dayRollupDays === undefined ? {} : { rollup_days: dayRollupDays }),
  };
}

function rollupDays(width: string) {
  return wholeNumber(LIMITS.rollupDaysMin, LIMITS.rollupDaysMax)
    .optional()
    .describe(`Days that roll-ups by ${width} are kept after they were last computed; for good when absent.`);
}
