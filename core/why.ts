import { z } from "zod";
import { idSchema, metricNameSchema, metricValueSchema, timeSchema } from "./schemas.ts";

/** What an explanation is asked for. An alarm's `raised` is explained unless `cleared` is named. */
export const whyQuestionSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("alarm"), id: idSchema, transition: z.enum(["raised", "cleared"]) }),
  z.object({
    kind: z.literal("aggregate"),
    device: idSchema,
    metric: metricNameSchema,
    /** The window: [start, start + size), event time, UTC ms. */
    start: timeSchema,
    size: z.int().positive(),
  }),
  /** `ts`: event time, UTC ms. The last that the log holds of it. */
  z.object({ kind: z.literal("reading"), device: idSchema, metric: metricNameSchema, ts: timeSchema }),
  /** What a function has said with `context.event`. */
  z.object({ kind: z.literal("event"), device: idSchema, ts: timeSchema }),
  /** `function`: whose; the first that failed on the record when absent. */
  z.object({
    kind: z.literal("dead-letter"),
    topic: z.string(),
    partition: z.int(),
    offset: z.int(),
    function: z.string().exactOptional(),
  }),
]);
export type WhyQuestion = z.infer<typeof whyQuestionSchema>;

const slotValues = z.record(z.string(), z.unknown()).describe("Slots of the function for this device, by name");

const explainedMessage = z.object({
  offset: z.int(),
  received: timeSchema,
  /** True when it is one of those that the output was made of. */
  isCause: z.boolean(),
  outcome: z.enum(["processed", "duplicate", "quarantined", "deadLettered"]),
  payload: z.string().describe("As text, cut at `quarantinePayloadBytesMax`"),
  readings: z.array(z.object({ ts: timeSchema, metrics: z.record(metricNameSchema, metricValueSchema) })),
});
export type ExplainedMessage = z.infer<typeof explainedMessage>;

/** Why an output is what it is: the messages, the state and the version of the function that made it. */
export const explanationSchema = z.object({
  output: z.unknown().describe("The record as it stands in the log"),
  topic: z.string(),
  function: z.string().describe("name@version"),
  /** Receive time of the record that made it, UTC ms. */
  madeAt: timeSchema,
  /** The record that made it. Not of this device when it only moved time. */
  source: z.object({ topic: z.string(), partition: z.int(), offset: z.int(), step: z.int(), index: z.int() }),
  /** The device's messages that were looked at, oldest first. Cut in the middle when there are more than `whyMessagesMax`. */
  messages: z.array(explainedMessage),
  /** The first and the last message that it was made of: offsets in the source's topic, and receive times. Null when there is none. */
  inputs: z
    .object({ fromOffset: z.int(), toOffset: z.int(), receivedFrom: timeSchema, receivedTo: timeSchema })
    .nullable(),
  counts: z.object({ causes: z.int(), messages: z.int(), records: z.int() }),
  before: slotValues,
  after: slotValues,
  /** True when these messages, run again, give this very output. */
  isReproduced: z.boolean(),
  /** What keeps the explanation from being whole. */
  notes: z.array(z.string()),
});
export type Explanation = z.infer<typeof explanationSchema>;

/**
 * Explains outputs, from the log. Asked by api. NOT_FOUND when there is no such output, or retention has deleted it; LIMIT_EXCEEDED when too
 * many records lie between it and its first message, or too many explanations wait to be made.
 */
export interface Why {
  explain(tenant: string, question: WhyQuestion): Promise<Explanation>;
}

/** What is asked of what a join made: a reading of its key's device, by one of its metrics; or a dead letter, by its place in `repartition`. */
export type JoinedQuestion =
  | { readonly kind: "reading"; readonly device: string; readonly metric: string; readonly ts: number }
  | { readonly kind: "dead-letter"; readonly partition: number; readonly offset: number };

/**
 * Explains what joins made, as `Why` does with the rest. INVALID_INPUT when no join made it; TIMED_OUT when the function does not come to an end,
 * FUNCTION_INVALID when it cannot be run.
 */
export interface WhyJoined {
  explain(tenant: string, question: JoinedQuestion): Promise<Explanation>;
}
