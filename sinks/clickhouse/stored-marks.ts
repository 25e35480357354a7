import { z } from "zod";
import { stageInput } from "../../core/stage.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { StoredTopic } from "../../core/topics.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";
import type { SourceMark } from "../../engine/source-marks.ts";

const TABLES: Readonly<Record<StoredTopic, string>> = {
  readings: "readings",
  aggregates: "aggregates",
  alarms: "alarm_events",
  quarantine: "quarantine",
  "dead-letters": "dead_letters",
  "device-events": "device_events",
};

const markRow = z.object({
  stage: z.string(),
  partition: z.int(),
  generation: z.int(),
  offset: z.int(),
  step: z.int(),
  index: z.int(),
});

/**
 * The greatest source position in each table, per stage and partition: the high-water marks of a sink whose journal no longer tells
 * them. A stage's outputs keep their input's partition.
 */
export async function readStoredMarks(link: ClickHouseLink): Promise<readonly SourceMark[]> {
  const marks: SourceMark[] = [];
  for (const [topic, table] of Object.entries(TABLES)) {
    for (const row of await link.query(greatestSources(table), markRow)) {
      // The tables do not name the input of a stage.
      const source: SourcePosition = { ...row, topic: row.stage === "" ? topic : stageInput(row.stage) };
      marks.push({ topic, partition: row.partition, source });
    }
  }
  return marks;
}

function greatestSources(table: string): string {
  return `SELECT toString(src_stage) AS stage, src_partition AS partition,
    max((src_generation, src_offset, src_step, src_index)) AS greatest, greatest.1 AS generation, greatest.2 AS offset,
    greatest.3 AS step, greatest.4 AS index FROM ${table} GROUP BY stage, partition`;
}
