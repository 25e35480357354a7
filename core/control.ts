import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { alarmRuleSchema } from "./alarm-rule.ts";
import { canarySchema } from "./canary.ts";
import { deviceTypeSchema } from "./device-type.ts";
import { referenceTableSchema } from "./reference-table.ts";
import { functionNameSchema, idSchema, labelsSchema, timeSchema } from "./schemas.ts";

/**
 * Control records: whatever besides messages may change a stage's result. They lie in the partitions that they concern, marked by
 * the `kind` header; their value is this JSON. All kinds are fixed here; `tick` and `flush` move time, the others configuration.
 *
 * - `tick`: only its timestamp matters; it moves partition time.
 * - `flush`: sets the watermark of the named keys, or of every key when none are named, to `upTo`; ends a replay. The main stage passes it on, the functions stage too.
 * - `device-type`, `alarm-rule`: to every partition; `removed` takes it back.
 * - `reference-table`: to every partition; `removed` takes it back.
 * - `device`: to the device's partition; `removed` erases its state.
 * - `deploy`: to every partition of the stage; the version of a function from here on, with its code. `removed` erases its state. `canary`: see canary.ts.
 * - `redrive`: to the device's partition of the stage's input; runs the record of a dead letter again, on the function that failed.
 *
 * Reserved, and written by nobody yet; a stage that reads a `config-snapshot` obeys it, and lets the other pass:
 *
 * - `config-snapshot`: all types, rules and devices at once, to open a day or a new group, so that retention never loses a rule.
 * - `operator-action`: acknowledge, shelve and the like, on an alarm.
 */
const revision = z.int().nonnegative();

const deviceStateSchema = z.object({
  tenant: idSchema,
  id: idSchema,
  type: idSchema.nullable(),
  labels: labelsSchema,
  disabled: z.boolean(),
});

/** A version of a function. The code exports the function of this name. */
export const functionVersionSchema = z.object({
  name: functionNameSchema,
  version: z.int().positive(),
  /** SHA-256 of the code, in hex. */
  hash: z.string(),
  code: z.string(),
});
export type FunctionVersion = z.infer<typeof functionVersionSchema>;

export const controlSchema = z.discriminatedUnion("kind", [
  z.object({ v: z.literal(1), kind: z.literal("tick") }),
  z.object({
    v: z.literal(1),
    kind: z.literal("flush"),
    upTo: timeSchema,
    /** Device keys, `tenant/device`. Each partition gets its own ones. Absent in older records. */
    devices: z.array(z.string()).exactOptional(),
  }),
  z.object({ v: z.literal(1), kind: z.literal("device-type"), revision, removed: z.boolean(), type: deviceTypeSchema }),
  z.object({ v: z.literal(1), kind: z.literal("alarm-rule"), revision, removed: z.boolean(), rule: alarmRuleSchema }),
  z.object({
    v: z.literal(1),
    kind: z.literal("reference-table"),
    revision,
    removed: z.boolean(),
    table: referenceTableSchema,
  }),
  z.object({ v: z.literal(1), kind: z.literal("device"), revision, removed: z.boolean(), device: deviceStateSchema }),
  z.object({
    v: z.literal(1),
    kind: z.literal("config-snapshot"),
    revision,
    types: z.array(deviceTypeSchema),
    rules: z.array(alarmRuleSchema),
    /** Absent in older records. */
    tables: z.array(referenceTableSchema).exactOptional(),
    devices: z.array(deviceStateSchema),
  }),
  z.object({
    v: z.literal(1),
    kind: z.literal("deploy"),
    revision,
    stage: idSchema,
    removed: z.boolean(),
    function: functionVersionSchema,
    canary: canarySchema.exactOptional(),
  }),
  z.object({
    v: z.literal(1),
    kind: z.literal("redrive"),
    stage: idSchema,
    /** The function that failed. `attempt`: the how manyeth redrive of this dead letter it is. */
    function: z.string(),
    attempt: z.int().min(1).max(LIMITS.redrivesPerDeadLetterMax),
    tenant: idSchema,
    device: idSchema,
    /** Where the original record was, when it was received, and what of it is needed again. */
    source: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }),
    received: timeSchema,
    headers: z.array(z.tuple([z.string(), z.string()])),
    /** In base64. */
    payload: z.string(),
    /** Who has put this payload in the place of the original one; absent when nobody has. */
    editedBy: z.string().exactOptional(),
  }),
  z.object({
    v: z.literal(1),
    kind: z.literal("operator-action"),
    alarmId: idSchema,
    action: z.enum(["acknowledge", "shelve", "unshelve", "suppress", "unsuppress", "out-of-service", "in-service"]),
    by: z.string(),
    comment: z.string(),
  }),
]);

export type ControlRecord = z.infer<typeof controlSchema>;
export type ControlKind = ControlRecord["kind"];
export type DeviceState = z.infer<typeof deviceStateSchema>;
