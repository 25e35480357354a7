import { describe } from "vitest";
import { corruptionCases } from "./corruption-cases.ts";
import { intakeCases } from "./intake-cases.ts";
import { journalCases } from "./journal-cases.ts";
import { journalTailCases } from "./journal-tail-cases.ts";
import { readerCases } from "./reader-cases.ts";
import { recordCases } from "./record-cases.ts";
import { retentionCases } from "./retention-cases.ts";
import type { LogHarness } from "./log-harness.ts";

/** What every engine of the event log must do. An engine's test calls this once for each way in that it has. */
export function eventLogContract(name: string, harness: LogHarness): void {
  describe(`event log: ${name}`, () => {
    recordCases(harness);
    intakeCases(harness);
    readerCases(harness);
    journalCases(harness);
    journalTailCases(harness);
    retentionCases(harness);
    corruptionCases(harness);
  });
}
