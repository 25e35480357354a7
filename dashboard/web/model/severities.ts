import type { Severity } from "../../../core/alarm-rule.ts";

/** As core has it, written again: the module that exports the list brings the schema library with it. The type keeps both equal. */
const RANKS: Readonly<Record<Severity, number>> = { critical: 0, high: 1, medium: 2, low: 3 };

/** 0 is the most urgent. */
export function severityRank(severity: Severity): number {
  return RANKS[severity];
}

/** Most urgent first. */
export const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low"];
