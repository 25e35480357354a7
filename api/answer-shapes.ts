import { canaryCountsSchema } from "../core/canary.ts";
import { z } from "zod";
import { SEVERITIES } from "../core/alarm-rule.ts";
import { deadLetterSchema, quarantinedSchema } from "../core/derived-records.ts";
import { FUNCTION_KINDS } from "../core/function-store.ts";

/** What answers hold. A field that is not named here does not leave the process. */
const count = z.int();
const time = z.int().describe("UTC ms");

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item).readonly(),
    next: z.string().nullable().describe("Pass it as `after` for the next page; null on the last one"),
  });
}

/** A list that comes whole. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item).readonly() });
}

export const problemAnswer = z.object({
  type: z.string(),
  title: z.string(),
  status: count,
  code: z.string().describe("Stable: decide by this"),
  detail: z.string(),
  remedy: z.string().optional().describe("What to do"),
  errors: z
    .array(z.object({ in: z.string(), path: z.string(), message: z.string() }))
    .optional()
    .describe("Each offending field"),
  requestId: z.string().optional().describe("Of the request, also in the header x-request-id: the log has it too"),
});

export const deviceAnswer = z.object({
  tenant: z.string(),
  id: z.string(),
  name: z.string(),
  type: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  disabled: z.boolean(),
  gateway: z.boolean(),
  provisions: z.boolean(),
  via: z.string().nullable(),
  createdAt: time,
  lastSeen: time.nullable().describe("Receive time of the last message, UTC ms"),
});

export const queuedDeadLetterAnswer = deadLetterSchema.extend({
  failures: count.describe("How often the function has failed on the record"),
  redrives: count.describe("How often the record was run again"),
  stage: z.string().optional().describe("Of $step: the stage whose functions together made too much of the record"),
});

export const deadLetterCountsAnswer = z.object({
  redrivable: count.describe("Can be run again"),
  redriven: count.describe("Were run again and have not failed since; some may be under way"),
  exhausted: count.describe("Have failed as often as they may be run again"),
  withoutRecord: count.describe(
    "Of timers, control records and canaries, in whose place the live version has run: nothing is to be run again",
  ),
});

export const redriveAnswer = z.object({
  redriven: count,
  next: deadLetterSchema
    .pick({ received: true, function: true, source: true })
    .nullable()
    .describe("Pass it as `after` for more; null when there was none left"),
});

export const tokenAnswer = z.object({ token: z.string().describe("Shown once") });

export const createdDeviceAnswer = z.object({ device: deviceAnswer, token: tokenAnswer.shape.token });

export const sessionAnswer = z.object({ tenant: z.string(), name: z.string() });

export const signInCodeAnswer = z.object({
  code: z.string().describe("For the dashboard's address: `/?code=…`. Signs in once"),
  until: time,
});

export const mqttAnswer = z.object({ port: count, connections: count.describe("Authenticated ones") });

export const applyAnswer = z.object({ created: count, changed: count, unchanged: count });

export const alarmAnswer = z.object({
  id: z.string(),
  tenant: z.string(),
  device: z.string(),
  rule: z.string(),
  ruleName: z.string(),
  severity: z.enum(SEVERITIES),
  active: z.boolean(),
  raisedAt: time,
  clearedAt: time.nullable(),
  metric: z.string().nullable(),
  value: z.number().nullable(),
  message: z.string(),
});

export const functionVersionAnswer = z.object({
  name: z.string(),
  version: count,
  kind: z.enum(FUNCTION_KINDS),
  hash: z.string().describe("SHA-256 of the code, in hex"),
  codeBytes: count,
  createdAt: time,
  createdBy: z.string(),
  live: z.boolean(),
  stage: z.string().describe("In which it runs, or ran last: `functions` is shared by all"),
});

export const rolloutAnswer = z.object({
  name: z.string(),
  version: count,
  live: count.describe("The version that was live when it began"),
  shares: z.array(count).describe("Of the devices, in 1/10,000, one after the other"),
  stepMs: count.describe("How long it stays at each share"),
  step: count.describe("Index of the present share"),
  since: time.describe("When this step began, or the canary ended"),
  outcome: z.enum(["promoted", "rolled-back", "replaced"]).nullable().describe("Null while it runs"),
  reason: z.string().describe("Why it ended so; may be empty"),
  counts: canaryCountsSchema.describe(
    "Calls that it and the live version both had since the threads started, by what came of them",
  ),
});

export const quarantinedAnswer = quarantinedSchema.extend({
  source: z.object({ partition: count, offset: count }).describe("The message in `telemetry`"),
});

export const auditAnswer = z.object({
  at: time,
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.string(),
});

export const notificationCountsAnswer = z.object({ pending: count, delivered: count, failed: count });

export const seriesAnswer = z.object({
  points: z
    .array(z.object({ ts: time, value: z.number(), min: z.number(), max: z.number(), count }))
    .readonly()
    .describe("`value` is the mean of the bucket that starts at `ts`"),
  bucketMs: z.number().describe("0 when the points are raw readings"),
});

const reading = z.object({ ts: time, metric: z.string(), value: z.union([z.number(), z.string()]) });
export const readingsAnswer = listOf(reading);
export const latestAnswer = listOf(reading.extend({ device: z.string() }));

const messages = z.object({
  admitted: count,
  processed: count,
  duplicate: count,
  quarantined: count,
  deadLettered: count,
  expired: count,
  corrupt: count,
  inFlight: count,
  difference: count.describe("Not 0 means a bug or a damaged disk"),
});

export const ledgerAnswer = z.object({
  messages,
  values: z.object({
    produced: count,
    stored: count,
    filtered: count,
    quarantined: count,
    inFlight: count,
    difference: count,
    checked: z.boolean().describe("False when nothing stores readings"),
  }),
  late: z.object({ dropped: count, forAlarm: count }),
});

const hop = z.object({
  name: z.string(),
  ratePerSecond: z.number(),
  lag: z.number(),
  state: z.enum(["ok", "lagging", "stopped", "off"]),
});

const faults = z.array(z.object({ id: z.string(), since: time, text: z.string() })).readonly();

export const overviewAnswer = z.object({
  at: time,
  hops: z.array(hop).readonly(),
  ledger: ledgerAnswer,
  devices: z.object({ total: count, reporting: count, silent: count }),
  alarms: z.object({ active: count, total: count }),
  functions: z.object({
    deadLetters: count
      .nullable()
      .describe(
        "Dead letters that users' functions have in the tables; null while nobody has counted them, or nothing stores them",
      ),
  }),
  faults,
});

const consumedPartition = z.object({
  topic: z.string(),
  partition: count,
  position: count,
  endOffset: count,
  lag: count,
  owner: z.string().nullable().describe("Id of the member that has it"),
});

export const partitionsAnswer = z.object({
  at: time,
  consumers: z
    .array(
      z.object({
        name: z.string(),
        members: z.array(z.object({ id: z.string(), label: z.string() })).readonly(),
        partitions: z.array(consumedPartition).readonly(),
      }),
    )
    .readonly(),
});

const deviceMismatch = z.object({
  key: z.string().describe("tenant/device"),
  admitted: count,
  settled: count,
  valuesExpected: count,
  valuesStored: count,
});

export const auditReportAnswer = z.object({
  at: time,
  ledger: ledgerAnswer,
  devices: count,
  mismatches: z.array(deviceMismatch).readonly().describe("Devices whose sums do not match"),
  storedOnce: z
    .boolean()
    .nullable()
    .describe("Each reading stands once in the table; null when nothing stores readings"),
  balanced: z.boolean(),
});

export const healthAnswer = z.object({ status: z.literal("alive") });

export const readinessAnswer = z.object({ ready: z.boolean(), reasons: z.array(z.string()).readonly(), faults });
