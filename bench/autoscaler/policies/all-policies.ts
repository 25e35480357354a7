import { LATE_SECONDS, POD_RATE } from "../trace.ts";
import { cpuHpa } from "./cpu-hpa.ts";
import { keda } from "./keda.ts";
import { millrace } from "./millrace.ts";
import { numaflow } from "./numaflow.ts";
import type { Policy } from "../policy.ts";

/**
 * Ours, as often as its loop asks for pods and as often as an HPA would. KEDA with its default of 10 records, and with what a replica can do
 * before a record is late, which is the best that its operator could know.
 */
export function allPolicies(): readonly Policy[] {
  return [millrace(5), millrace(15), ...kedaPolicies(), numaflow(), cpuHpa(0.8)];
}

export function kedaPolicies(): readonly Policy[] {
  return [keda(10, "10 (default)"), keda(POD_RATE * LATE_SECONDS, "5,000 (5 s of work)")];
}
