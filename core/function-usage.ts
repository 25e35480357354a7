import { z } from "zod";

/** What a version of a function has used since its threads started. */
export const functionUsageSchema = z.object({
  stage: z.string(),
  function: z.string(),
  version: z.int(),
  invocations: z.number().describe("Calls: for records, timers and changes of configuration"),
  records: z.number(),
  errors: z.number().describe("Calls that threw"),
  coldStarts: z.number().describe("Threads in which it was called for a first time"),
  cpuMs: z.number().describe("CPU time of its calls, one of 64 of which is measured"),
  stageShare: z
    .number()
    .nullable()
    .describe("Its part of the CPU time of all functions of its stage, 0–1; null without any"),
  callMsP50: z
    .number()
    .nullable()
    .describe("Time of a call by the clock, ms: half of the measured ones took at most about so long"),
  callMsP99: z.number().nullable().describe("The same of 99 of 100; null as long as none was measured"),
  gbSeconds: z.number().nullable().describe("That time by the memory that its thread may have; null without a limit"),
  stateBytes: z.number().describe("About what the function keeps, whatever version made it"),
});
export type FunctionUsage = z.infer<typeof functionUsageSchema>;
