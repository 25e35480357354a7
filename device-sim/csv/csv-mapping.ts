import { z } from "zod";
import { metricNameSchema } from "../../core/schemas.ts";

/** How the columns of a CSV file become devices, times and metrics. */
const column = z.string().min(1);

const columnTimeSchema = z.object({
  column,
  /** `iso` without an offset is read as UTC. */
  unit: z.enum(["ms", "s", "iso"]).default("ms"),
});

/** Wall-clock columns. What is not named is 1 (month, day) or 0. */
const partsTimeSchema = z.object({
  year: column,
  month: column.optional(),
  day: column.optional(),
  hour: column.optional(),
  minute: column.optional(),
  second: column.optional(),
  /** Minutes that the wall clock is ahead of UTC: 480 for +08:00. */
  utcOffsetMinutes: z.int().min(-720).max(840).default(0),
});

const timeColumnsSchema = z.union([columnTimeSchema.strict(), partsTimeSchema.strict()]);

export const csvMappingSchema = z
  .object({
    device: column,
    /** Event time. */
    ts: timeColumnsSchema,
    /** When the message was sent, which paces a replay; the event time when absent. */
    sent: timeColumnsSchema.optional(),
    /** Metric name → column. Cells that are numbers or true/false become these, others text. */
    metrics: z.record(metricNameSchema, column).default({}),
    /** Columns with a JSON object, whose keys become metrics; null, arrays and objects in it are left out. */
    json: z.array(column).default([]),
    /** Cells that mean "no value", besides empty ones. */
    missing: z.array(z.string()).default(["NA"]),
  })
  .strict()
  .refine(
    (mapping) => Object.keys(mapping.metrics).length + mapping.json.length > 0,
    "names no metric and no JSON column",
  );

export type CsvMapping = z.infer<typeof csvMappingSchema>;
export type TimeColumns = z.infer<typeof timeColumnsSchema>;
