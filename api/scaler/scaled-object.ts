import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { stageNameSchema } from "../../core/schemas.ts";
import type { ScalerTarget } from "../../core/scaler.ts";

/** How many pods there may be, as a trigger's metadata says it: all of it is text. */
const podsSchema = z
  .string()
  .regex(/^\d{1,4}$/, "must be a whole number")
  .transform(Number)
  .refine(
    (pods) => pods <= LIMITS.partitionsMax,
    `must be at most ${LIMITS.partitionsMax}, the most partitions there may be`,
  );

/** What a trigger of type external or external-push says besides where the scaler is. */
const metadataSchema = z.strictObject({
  stage: stageNameSchema,
  minReplicas: podsSchema.default(0),
  maxReplicas: podsSchema.refine((pods) => pods > 0, "must be above 0").optional(),
  dryRun: z.enum(["true", "false"], 'must be "true" or "false"').default("false"),
});

/** KEDA's own, which it may pass on. */
const OF_KEDA = ["scalerAddress", "tlsCertFile", "caCert", "tlsClientCert", "tlsClientKey", "unsafeSsl", "enableTLS"];

export const scaledObjectSchema = z.object({
  name: z.string(),
  namespace: z.string(),
  scalerMetadata: z.record(z.string(), z.string()),
});

export const metricsRequestSchema = z.object({
  scaledObjectRef: scaledObjectSchema.nullable(),
  metricName: z.string(),
});

/** What is asked for. INVALID_INPUT says what of the trigger's metadata cannot be taken: a misspelt dryRun would scale. */
export function targetOf(scaledObject: z.infer<typeof scaledObjectSchema> | null): ScalerTarget {
  const { namespace = "", name = "", scalerMetadata = {} } = scaledObject ?? {};
  const own = Object.entries(scalerMetadata).filter(([key]) => !OF_KEDA.includes(key));
  const parsed = metadataSchema.safeParse(Object.fromEntries(own));
  if (!parsed.success) throw invalid(namespace, name, parsed.error.issues);
  const { stage, minReplicas, maxReplicas = null, dryRun } = parsed.data;
  if (maxReplicas !== null && minReplicas > maxReplicas)
    throw invalid(namespace, name, [{ path: ["minReplicas"], message: "must not be above maxReplicas" }]);
  return { stage, minReplicas, maxReplicas, isDryRun: dryRun === "true" };
}

function invalid(
  namespace: string,
  name: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): MillraceError {
  const said = issues.map(({ path, message }) => [...path.map(String), message].join(" ")).join("; ");
  return new MillraceError("INVALID_INPUT", `the trigger's metadata of ${namespace}/${name} cannot be taken: ${said}`, {
    remedy:
      "Set stage to main, functions, joins or the name of a stage, and at most minReplicas, maxReplicas and dryRun besides.",
  });
}
