import { isReading } from "../../../core/is-reading.ts";
import { MAIN_STAGE } from "../../../core/stage.ts";
import { TIME_MAX } from "../row-sheets.ts";
import { MINUTE_MS } from "../rollups/dirty-buckets.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { SourcePosition } from "../../../core/source-position.ts";
import type { RowEncoder, RowTarget } from "./row-encoder.ts";

export const encodeReading: RowEncoder = (value, source, target) =>
  isReading(value) && storeReading(value, source, target);

/** One row per metric. False, with nothing stored, when its time does not fit the table. */
export function storeReading(reading: Reading, source: SourcePosition, { latest, readings }: RowTarget): boolean {
  const { tenant, device, ts, metrics } = reading;
  if (ts >= TIME_MAX) return false;
  const names = Object.keys(metrics);
  if (names.length === 0) return true;
  const values = latest.device(tenant, device);
  latest.touch(values, Math.floor(ts / MINUTE_MS));
  readings.add(values, names, reading, source, source.stage !== MAIN_STAGE);
  return true;
}
