import { z } from "zod";
import { alarmRuleSchema } from "../core/alarm-rule.ts";
import { deviceTypeSchema } from "../core/device-type.ts";
import { WHOLE_SHARE } from "../core/canary.ts";
import { ISOLATIONS, stageLimitsSchema } from "../core/stage-settings.ts";
import { LIMITS } from "../core/limits.ts";
import { referenceTableSchema } from "../core/reference-table.ts";
import { GIVEN_TOKEN_PATTERN, idSchema, labelsSchema, stageNameSchema, timeSchema } from "../core/schemas.ts";

/** What bodies may hold. The tenant is never among it: it comes from the credential. */
const deviceFields = {
  name: z.string().max(LIMITS.nameCharactersMax).exactOptional(),
  type: idSchema.nullable().exactOptional(),
  labels: labelsSchema.exactOptional(),
  gateway: z.boolean().exactOptional().describe("Whether it may publish for the devices whose `via` names it"),
  provisions: z.boolean().exactOptional().describe("Whether it may create such devices by publishing for them"),
  via: idSchema.nullable().exactOptional().describe("The gateway that may publish for it"),
};

export const deviceBody = z.strictObject({ id: idSchema, ...deviceFields });

export const devicePatchBody = z.strictObject({ ...deviceFields, disabled: z.boolean().exactOptional() });

const deviceToken = z
  .string()
  .regex(
    GIVEN_TOKEN_PATTERN,
    `must be ${LIMITS.tokenCharactersMin}–${LIMITS.tokenCharactersMax} printable characters without blanks`,
  )
  .describe("A token that the device already has");

export const importBody = z.strictObject({
  devices: z.array(z.object({ id: idSchema, ...deviceFields, token: deviceToken.exactOptional() })).min(1),
});

const credential = z.string().min(1).max(LIMITS.credentialCharactersMax);

export const signInBody = z.union(
  [
    z.strictObject({ code: credential.describe("From the link that the start prints; works once") }),
    z.strictObject({ token: credential.describe("An admin token") }),
  ],
  { error: 'must be either {"code": "…"} or {"token": "…"}' },
);

/** `id` and `tenant` may stand in a rule or type that was read and is sent back; the path and the credential decide. */
export const ruleBody = alarmRuleSchema.omit({ tenant: true }).extend({ id: idSchema.exactOptional() });
export const typeBody = deviceTypeSchema.omit({ tenant: true }).extend({ id: idSchema.exactOptional() });

export const tableBody = referenceTableSchema.omit({ tenant: true }).extend({ id: idSchema.exactOptional() });

export const applyBody = z.strictObject({
  types: z.array(deviceTypeSchema.omit({ tenant: true })).default([]),
  rules: z.array(alarmRuleSchema.omit({ tenant: true })).default([]),
  tables: z.array(referenceTableSchema.omit({ tenant: true })).default([]),
  devices: z.array(z.object({ id: idSchema, ...deviceFields })).default([]),
});

export const connectedBody = z.strictObject({ devices: z.array(idSchema).min(1).max(LIMITS.pageSizeMax) });

const deadLetterPlace = z.strictObject({
  received: timeSchema,
  function: z.string().max(LIMITS.idCharactersMax),
  source: z.strictObject({
    topic: z.string().max(LIMITS.idCharactersMax),
    partition: z.int().min(0),
    offset: z.int().min(0),
  }),
});

export const redriveBody = z.strictObject({
  device: idSchema.exactOptional(),
  function: z.string().max(LIMITS.idCharactersMax).exactOptional().describe("The function that failed"),
  errorClass: z.string().max(LIMITS.idCharactersMax).exactOptional(),
  from: timeSchema.exactOptional().describe("Receive time of the record, UTC ms, inclusive"),
  to: timeSchema.exactOptional().describe("Receive time of the record, UTC ms, exclusive"),
  limit: z.int().min(1).max(LIMITS.redriveBatchMax).describe("At most this many; ask again for more"),
  after: deadLetterPlace.exactOptional().describe("`next` of the answer before"),
  dryRun: z.boolean().exactOptional().describe("Only look whether these can be run again: none is"),
});

export const editBody = z.strictObject({
  device: idSchema,
  ...deadLetterPlace.shape,
  payload: z
    .base64()
    .max(LIMITS.editedPayloadCharactersMax)
    .describe("What is run instead of the original payload, in base64"),
});

export const flushBody = z.strictObject({
  upTo: timeSchema.describe(
    "The watermark is set to this event time, UTC ms: what comes later for a time before it is late. It cannot be taken back",
  ),
  devices: z
    .array(idSchema)
    .min(1)
    .max(LIMITS.flushDevicesMax)
    .exactOptional()
    .describe("Only these; absent: every device"),
});

const sharesBody = z
  .array(z.int().min(1).max(WHOLE_SHARE))
  .min(1)
  .max(LIMITS.canarySharesMax)
  .refine(
    (shares) => shares.every((share, index) => share > (shares[index - 1] ?? 0)),
    "each is greater than the one before",
  )
  .describe("Of the devices, in 1/10,000, one after the other; after the last the version becomes the live one");

const codeBody = z.string().max(LIMITS.functionCodeBytesMax).describe("CommonJS text, as millrace deploy bundles it");

export const deployBody = z
  .strictObject({
    code: codeBody,
    stage: stageNameSchema
      .exactOptional()
      .describe(
        "Where they are to run: `functions` is shared by all. Without it each stays where it is, a new one is shared",
      ),
    isolation: z
      .enum(ISOLATIONS)
      .exactOptional()
      .describe("Of that stage: threads, or a process of its own with threads in it"),
    limits: stageLimitsSchema
      .partial()
      .strict()
      .exactOptional()
      .describe("Of that stage, for all functions in it; what is not named stays as it is"),
    canary: z
      .strictObject({
        shares: sharesBody,
        stepMs: z
          .int()
          .min(LIMITS.canaryStepMsMin)
          .max(LIMITS.canaryStepMsMax)
          .describe("How long it stays at each share"),
      })
      .exactOptional()
      .describe("Run beside the live versions for a share of the devices first"),
  })
  .refine(({ stage, isolation }) => isolation === undefined || stage !== undefined, {
    path: ["isolation"],
    message: "it is of a stage: name the stage too",
  })
  .refine(({ stage, limits }) => limits === undefined || stage !== undefined, {
    path: ["limits"],
    message: "they are of a stage: name the stage too",
  });

const lastMs = z.int().positive().max(LIMITS.shadowSpanMsMax).describe("Over what was received in the last so many ms");

export const shadowBody = z.strictObject({ code: codeBody, lastMs });

export const compareBody = z.strictObject({
  before: z.int().positive().exactOptional().describe("Default: what is live beside a canary, or the version before"),
  after: z.int().positive().exactOptional().describe("Default: the canary, or what is live"),
  lastMs,
});

export const replayBody = z.strictObject({
  from: timeSchema.describe("Event time from which on results are corrected, UTC ms"),
  to: timeSchema.describe("Up to which, without it; what lies ahead of now is cut off"),
  version: z.int().positive().exactOptional().describe("Absent: the live one"),
  dryRun: z.boolean().exactOptional().describe("Count what would be corrected, and correct nothing"),
});

export const rollbackBody = z.strictObject({ version: z.int().positive().exactOptional() });
