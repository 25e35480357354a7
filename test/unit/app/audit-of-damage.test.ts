import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { audit } from "../../../app/ledger/audit.ts";
import { soleMember } from "../../../core/consumer-group.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createStageRunner } from "../../../runtime/stage-runner.ts";
import { eventually } from "../../contract/event-log/log-harness.ts";
import { countingStage } from "../../support/counting-stage.ts";
import { damageRecord } from "../../support/damaged-log.ts";
import { openStageBench, TELEMETRY, type StageBench } from "../runtime/stage-bench.ts";
import type { StageRunner } from "../../../runtime/stage-runner.ts";

let bench: StageBench;
let runner: StageRunner | null = null;

beforeEach(async () => {
  bench = await openStageBench();
});

afterEach(async () => {
  await runner?.stop(AbortSignal.timeout(1000));
  runner = null;
  await bench.dispose();
});

async function damage(value: string): Promise<void> {
  await bench.close();
  await damageRecord(bench.directory, value);
  await bench.open();
}

/** Runs the stage to the end of the log, and audits. */
async function runAndAudit(records: number) {
  const log = bench.log();
  const common = { generation: 0, logger: silentLogger, metrics: createMetrics() };
  const monotonic = { now: () => performance.now() };
  const running = createStageRunner({ log, stage: countingStage, groups: soleMember([0, 1]), monotonic, ...common });
  runner = running;
  await running.start();
  await eventually("all records worked", async () =>
    running.totals().partitions.every(({ nextOffset }) => nextOffset === records),
  );
  await eventually("a quiet moment", async () => running.totals().quiet);
  return audit(
    {
      log,
      stage: countingStage.name,
      firstGeneration: common.generation,
      totals: () => Promise.resolve([running.totals()]),
      history: () => null,
      erasures: () => Promise.resolve([]),
      settled: () => Promise.resolve(null),
    },
    0,
  );
}

describe("the audit of a log with damage", () => {
  test.each([
    ["the first", 0],
    ["one in the middle", 4],
    ["the last", 8],
  ])("balances, with %s batch of telemetry counted as corrupt and kept aside", async (_, number) => {
    await bench.append(9);
    // Each partition has a batch of its own with this value.
    await damage(`"x":${number}}`);
    const report = await runAndAudit(9);
    expect(report.ledger.messages).toMatchObject({
      admitted: 18,
      processed: 16,
      corrupt: 2,
      inFlight: 0,
      difference: 0,
    });
    expect(report.mismatches).toEqual([]);
    const files = (await readdir(join(bench.directory, "quarantine"))).toSorted();
    expect(files).toEqual([0, 1].map((partition) => `${TELEMETRY}-${partition}-${number}.batch`));
  });

  test("still balances in sum when a message is damaged after it was worked, and names the device", async () => {
    await bench.append(9);
    for (const partition of [0, 1]) await bench.work(partition);
    await damage('"x":4}');
    const report = await runAndAudit(9);
    expect(report.ledger.messages).toMatchObject({ admitted: 18, processed: 18, corrupt: 0, difference: 0 });
    expect(report.mismatches).toEqual([expect.objectContaining({ key: "t/d", admitted: 16, settled: 18 })]);
  });
});
