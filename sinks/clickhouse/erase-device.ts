import { ROLLUP_LEVELS } from "./rollups/rollup-levels.ts";
import { replayStageOf } from "../../core/stage.ts";
import { tellsOfReplays } from "./erased-devices.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";
import type { Erasure } from "./erased-devices.ts";

const SOURCED_TABLES = [
  "readings",
  "aggregates",
  "alarm_events",
  "quarantine",
  "dead_letters",
  "device_events",
] as const;

const OF_DEVICE = "tenant = {tenant:String} AND device = {device:String}";
const UP_TO_REMOVAL = `src_stage = {stage:String} AND src_partition = {partition:UInt16} AND
  (src_generation, src_offset, src_step, src_index) <=
  ({generation:UInt32}, {offset:UInt64}, {step:UInt32}, {index:UInt32})`;

/** What replays have corrected of it: of records from before the removal, whenever that was. */
const OF_REPLAYS = `src_stage = {replay:String} AND src_partition = {partition:UInt16} AND src_offset <= {offset:UInt64}`;

/** Not deduplicated: after a crash the same rows are deleted and made once more. */
const NEWEST_THAT_ARE_LEFT = `INSERT INTO latest_readings (tenant, device, metric, ts, kind, number, text)
  SELECT tenant, device, metric, max(ts), argMax(kind, ts), argMax(number, ts), argMax(text, ts)
  FROM readings WHERE ${OF_DEVICE} GROUP BY tenant, device, metric
  SETTINGS insert_deduplicate = 0`;

/** Buckets hold what came before and after the removal alike: they are deleted, and made again of what is left. */
const MARK_WHAT_IS_LEFT = `INSERT INTO dirty_buckets (slot, tenant, device, start)
  SELECT DISTINCT toUInt32({slot:UInt32}), tenant, device,
    fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(ts), 60000) * 60000, 'UTC')
  FROM readings WHERE ${OF_DEVICE} SETTINGS insert_deduplicate = 0`;

/**
 * Deletes the rows of a device up to its removal; resolves when no query sees them any more. The bytes leave the disk with later merges.
 * Marks what is to be rolled up again in `slot`. May run again. Errors: SINK_UNAVAILABLE, SINK_REFUSED.
 */
export async function eraseDevice(
  link: ClickHouseLink,
  { tenant, device, until }: Erasure,
  slot: number,
): Promise<void> {
  const { stage, partition, generation, offset, step, index } = until;
  const position = { stage, partition, generation, offset, step, index };
  for (const table of SOURCED_TABLES) {
    await link.command(`DELETE FROM ${table} WHERE ${OF_DEVICE} AND ${UP_TO_REMOVAL}`, {
      tenant,
      device,
      ...position,
    });
  }
  if (tellsOfReplays(until)) {
    const values = { tenant, device, replay: replayStageOf(stage), partition, offset };
    for (const table of ["readings", "aggregates"])
      await link.command(`DELETE FROM ${table} WHERE ${OF_DEVICE} AND ${OF_REPLAYS}`, values);
  }
  await link.command(MARK_WHAT_IS_LEFT, { tenant, device, slot });
  for (const { table } of ROLLUP_LEVELS)
    await link.command(`DELETE FROM ${table} WHERE ${OF_DEVICE}`, { tenant, device });
  // It carries no source: what a device of the same id has sent since is made again.
  await link.command(`DELETE FROM latest_readings WHERE ${OF_DEVICE}`, { tenant, device });
  await link.command(NEWEST_THAT_ARE_LEFT, { tenant, device });
}
