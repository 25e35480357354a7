import { z } from "zod";
import type { DeadLetter } from "../../core/derived-records.ts";

/** A dead letter as both questions to its table give it. */
export const deadLetterRow = z.object({
  device: z.string(),
  function: z.string(),
  version: z.number(),
  error: z.string(),
  error_class: z.string(),
  stack: z.string(),
  received_ms: z.number(),
  source_topic: z.string(),
  source_partition: z.number(),
  source_offset: z.number(),
  timer_name: z.string(),
  timer_ms: z.number().nullable(),
  payload: z.string(),
});

export function toDeadLetter(tenant: string, row: z.infer<typeof deadLetterRow>): DeadLetter {
  const { device, function: name, version, error, error_class: errorClass, stack, received_ms: received } = row;
  const source = { topic: row.source_topic, partition: row.source_partition, offset: row.source_offset };
  const timer = row.timer_ms === null ? {} : { timer: { name: row.timer_name, at: row.timer_ms } };
  const { payload } = row;
  return {
    v: 1,
    tenant,
    device,
    function: name,
    version,
    error,
    errorClass,
    stack,
    received,
    source,
    ...timer,
    payload,
  };
}
