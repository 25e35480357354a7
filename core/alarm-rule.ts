import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { idSchema, labelsSchema, metricNameSchema } from "./schemas.ts";

/** ISA-18.2 priorities, most urgent first. */
export const SEVERITIES = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof SEVERITIES)[number];

const thresholdSchema = z.object({
  kind: z.literal("threshold"),
  metric: metricNameSchema,
  op: z.enum([">", ">=", "<", "<="]),
  value: z.number(),
  /** Once active, the value must come back by this much before the condition counts as gone. */
  deadband: z.number().nonnegative().default(0),
});

const noDataSchema = z.object({
  kind: z.literal("no-data"),
  /** Silence in event time after which the alarm is raised. */
  afterMs: z.int().min(1000),
});

export const alarmConditionSchema = z.discriminatedUnion("kind", [thresholdSchema, noDataSchema]);

/** A rule makes at most one active alarm per device. Delays are event time. */
export const alarmRuleSchema = z.object({
  tenant: idSchema,
  id: idSchema,
  name: z.string().min(1).max(LIMITS.nameCharactersMax),
  severity: z.enum(SEVERITIES),
  /** All that is named must match; nothing named matches every device of the tenant. */
  select: z.object({ type: idSchema.optional(), labels: labelsSchema.optional() }).default({}),
  condition: alarmConditionSchema,
  /** The condition must hold this long before the alarm is raised. */
  onDelayMs: z.int().nonnegative().default(0),
  /** The condition must be gone this long before the alarm is cleared. */
  offDelayMs: z.int().nonnegative().default(0),
  enabled: z.boolean().default(true),
});

export type AlarmRule = z.infer<typeof alarmRuleSchema>;
export type AlarmCondition = z.infer<typeof alarmConditionSchema>;
