import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { idSchema, metricNameSchema } from "./schemas.ts";

const metricSchema = z.object({
  /** Canonical unit, for people: "°C", "µg/m³". */
  unit: z.string().max(LIMITS.unitCharactersMax).default(""),
  kind: z.enum(["number", "boolean", "text"]).default("number"),
  /** A number outside [min, max] is quarantined as `out-of-range`. */
  min: z.number().optional(),
  max: z.number().optional(),
});

/** A device type: what its devices measure, and how their time runs. */
export const deviceTypeSchema = z.object({
  tenant: idSchema,
  id: idSchema,
  name: z.string().max(LIMITS.nameCharactersMax).default(""),
  metrics: z.record(metricNameSchema, metricSchema).default({}),
  /** What happens to a metric that `metrics` does not name. */
  unknownMetrics: z.enum(["keep", "quarantine"]).default("keep"),
  /** Tumbling windows of `aggregate`. */
  windowMs: z
    .array(z.int().min(LIMITS.windowMsMin).max(LIMITS.windowMsMax))
    .min(1)
    .max(LIMITS.windowsPerTypeMax)
    .default([60_000]),
  outOfOrderMs: z.int().nonnegative().default(0),
  allowedLatenessMs: z.int().nonnegative().default(LIMITS.allowedLatenessMsDefault),
  idleMs: z.int().nonnegative().default(LIMITS.idleMsDefault),
});

export type DeviceType = z.infer<typeof deviceTypeSchema>;
export type MetricDefinition = z.infer<typeof metricSchema>;

/** What holds for devices without a type. */
export function defaultDeviceType(tenant: string): DeviceType {
  return deviceTypeSchema.parse({ tenant, id: "default" });
}
