import type { RollupRetention } from "../sinks/clickhouse/rollups/rollup-levels.ts";
import type { Config } from "./config.ts";

/** How long roll-ups are kept, by table. */
export function rollupRetention(config: Config): RollupRetention {
  const { minuteRollupDays, hourRollupDays, dayRollupDays } = config;
  return {
    ...(minuteRollupDays === undefined ? {} : { rollup_minutes: minuteRollupDays }),
    ...(hourRollupDays === undefined ? {} : { rollup_hours: hourRollupDays }),
    ...(dayRollupDays === undefined ? {} : { rollup_days: dayRollupDays }),
  };
}
