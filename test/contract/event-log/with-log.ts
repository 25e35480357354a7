import { test } from "vitest";
import type { EventLog } from "../../../core/event-log.ts";
import type { LogHarness, LogSettings, LogUnderTest } from "./log-harness.ts";

type CaseBody = (log: EventLog, under: LogUnderTest) => Promise<void>;

/** A test with a log of its own, disposed of whatever happens. */
export function withLog(harness: LogHarness, title: string, body: CaseBody, settings: Partial<LogSettings> = {}): void {
  test(title, async () => {
    const under = await harness.open({ partitionCount: 4, ...settings });
    try {
      await body(under.log, under);
    } finally {
      await under.dispose();
    }
  });
}
