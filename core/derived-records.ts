import { z } from "zod";
import { SEVERITIES } from "./alarm-rule.ts";
import { functionNameSchema, idSchema, metricNameSchema, metricValueSchema, timeSchema } from "./schemas.ts";

/** The values of records on the derived topics: JSON with a version field `v`. They evolve by adding optional fields only. */
const device = { v: z.literal(1), tenant: idSchema, device: idSchema };

/** `readings`: one measurement event after cleaning. */
export const readingSchema = z.object({
  ...device,
  /** Event time, UTC ms. */
  ts: timeSchema,
  /** Receive time, UTC ms. */
  received: timeSchema,
  /** Present and true when the device sent no time and `ts` is the receive time. */
  tsFromReceive: z.boolean().optional(),
  metrics: z.record(metricNameSchema, metricValueSchema),
});
export type Reading = z.infer<typeof readingSchema>;

export const JOIN_SIDES = ["left", "right"] as const;
export type JoinSide = (typeof JOIN_SIDES)[number];

/** `repartition`: a reading on its way to the partition of what a function joins it by. Its record's key is `tenant/key`. */
export const repartitionedSchema = z.object({
  ...device,
  key: idSchema,
  /** The function that joins, and as which of its two sides. */
  function: functionNameSchema,
  side: z.enum(JOIN_SIDES),
  ts: timeSchema,
  received: timeSchema,
  /** Those that the function may want. */
  metrics: z.record(metricNameSchema, metricValueSchema),
});
export type Repartitioned = z.infer<typeof repartitionedSchema>;

/**
 * `aggregates`: one window of one metric of one device. The greatest revision of a window is its truth. Of a user's function the metric is
 * `function.metric`, and all statistics are the result's value. A count of 0 takes the window back: its session has become part of another.
 */
export const aggregateSchema = z.object({
  ...device,
  metric: metricNameSchema,
  /** Window [start, start + size), event time, UTC ms. Of a session the size is its gap; of a day, week or month 1, 7 or 30 days. */
  start: timeSchema,
  size: z.int().positive(),
  /** 0 when the window is first emitted, +1 each time that it is again: late data changed it, or it was emitted early. */
  revision: z.int().nonnegative(),
  count: z.int().nonnegative(),
  sum: z.number(),
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  /** By event time; the later arrival wins among equals for `last`, the earlier for `first`. */
  first: z.number(),
  last: z.number(),
});
export type Aggregate = z.infer<typeof aggregateSchema>;

/** `alarms`: one transition of one alarm. */
export const alarmEventSchema = z.object({
  ...device,
  /** Stable over replays: made of tenant, device, rule and the event time at which the condition began. */
  id: idSchema,
  rule: idSchema,
  ruleName: z.string(),
  severity: z.enum(SEVERITIES),
  transition: z.enum(["raised", "cleared"]),
  /** Event time of the transition, UTC ms. */
  ts: timeSchema,
  /** Event time at which the condition began to hold. */
  since: timeSchema,
  received: timeSchema,
  metric: metricNameSchema.optional(),
  value: z.number().optional(),
  /** A sentence for people: what, how much, for how long. */
  message: z.string(),
  /** Why a `cleared` came: the condition went, or rule or device was removed or changed. */
  reason: z.enum(["condition", "rule-changed", "device-removed"]).optional(),
});
export type AlarmEvent = z.infer<typeof alarmEventSchema>;

export const QUARANTINE_REASONS = [
  "bad-utf8",
  "bad-json",
  "too-deep",
  "bad-shape",
  "bad-metric-name",
  "bad-value",
  "not-finite",
  "out-of-range",
  "wrong-kind",
  "unknown-metric",
  "bad-time",
  "time-before-2000",
  "time-in-future",
  "too-many-values",
  "unknown-device",
  "bad-device",
  "foreign-device",
  "too-many-devices",
] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

/** `quarantine`: a whole message (metric absent) or one metric value that could not become a reading. */
export const quarantinedSchema = z.object({
  ...device,
  reason: z.enum(QUARANTINE_REASONS),
  /** What was wrong, in a sentence with the offending value. */
  detail: z.string(),
  metric: z.string().optional(),
  ts: timeSchema.optional(),
  received: timeSchema,
  /**
   * The payload or value as text, cut at `quarantinePayloadBytesMax`; bytes that are not UTF-8 are replaced. Empty for `unknown-device` and
   * `foreign-device`: nothing is kept of what a disabled or removed device still sends, by itself or through a gateway.
   */
  payload: z.string(),
});
export type Quarantined = z.infer<typeof quarantinedSchema>;

/** `dead-letters`: a record or timer on which a function threw. */
export const deadLetterSchema = z.object({
  ...device,
  function: z.string(),
  version: z.int().positive(),
  error: z.string(),
  errorClass: z.string(),
  stack: z.string(),
  received: timeSchema,
  /** The offending input: topic, partition and offset of the record, and its bytes in base64. */
  source: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }),
  timer: z.object({ name: z.string(), at: timeSchema }).optional(),
  payload: z.string(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/**
 * `device-events`: late data beyond allowed lateness, and what else befalls a device. `removed`: what the stage made of the device up to
 * this record's source position is erased, wherever it is kept; `ts` is the receive time of the removal. `too-many-metrics`: a window could not
 * hold all metrics; `ts` is its start. `join-full`: a reading that a join could not keep, so that what comes later does not meet it. `function`: what a user's function tells of a device; the `fn` header names it. `redriven`: a dead
 * letter was run again, `detail` says which, the how manyeth time and who has edited it; `ts` is the receive time of its record. `connected` and
 * `disconnected` are reserved: the edge writes none yet.
 */
export const deviceEventSchema = z.object({
  ...device,
  kind: z.enum([
    "late-dropped",
    "late-for-alarm",
    "connected",
    "disconnected",
    "removed",
    "redriven",
    "too-many-metrics",
    "join-full",
    "function",
  ]),
  ts: timeSchema,
  received: timeSchema,
  detail: z.string(),
});
export type DeviceEvent = z.infer<typeof deviceEventSchema>;
