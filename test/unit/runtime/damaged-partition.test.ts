import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { soleMember } from "../../../core/consumer-group.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createStageRunner } from "../../../runtime/stage-runner.ts";
import { eventually } from "../../contract/event-log/log-harness.ts";
import { countingStage } from "../../support/counting-stage.ts";
import { damageEntries, journalKinds } from "../../support/damaged-log.ts";
import { openStageBench, STAGE_JOURNAL, TELEMETRY, type StageBench } from "./stage-bench.ts";

const PARTITIONS = [0, 1] as const;
const RECORDS = 40;
let bench: StageBench;

beforeEach(async () => {
  bench = await openStageBench();
});

afterEach(() => bench.dispose());

/** Outputs without repeats and ledger totals of both partitions, as a log gives them that was never damaged. */
async function expectAsIfNothingHappened(): Promise<void> {
  const sound = await openStageBench();
  try {
    await sound.append(bench.appended);
    for (const partition of PARTITIONS) await sound.work(partition);
    const outputs = await sound.outputs();
    expect(outputs["device-events/0"]?.length).toBeGreaterThan(3);
    expect(await bench.outputs()).toEqual(outputs);
    for (const partition of PARTITIONS) expect(await bench.totals(partition)).toEqual(await sound.totals(partition));
  } finally {
    await sound.dispose();
  }
}

async function damage(partition: number, entries: readonly number[]): Promise<void> {
  await bench.close();
  await damageEntries(bench.directory, { ...STAGE_JOURNAL, partition }, entries);
  await bench.open();
}

/** Offsets of the entries of a kind in partition 0. */
async function entriesOf(kind: string): Promise<number[]> {
  await bench.close();
  const kinds = await journalKinds(bench.directory, 2, { ...STAGE_JOURNAL, partition: 0 });
  await bench.open();
  return [...kinds].flatMap(([entry, one]) => (one === kind ? [entry] : []));
}

/** Two owners of both partitions, one after the other: claim, four units, claim, four units. */
async function workHistory(): Promise<void> {
  await bench.append(RECORDS / 2);
  for (const partition of PARTITIONS) await bench.work(partition);
  await bench.append(RECORDS / 2);
  for (const partition of PARTITIONS) await bench.work(partition);
}

describe("a stage whose journal is damaged", () => {
  test.each([0, 1, 2, 4, 5, 6, 8, 9])("gives what it would have given (entry %i)", async (entry) => {
    await workHistory();
    await damage(0, [entry]);
    // Three more owners: the first meets the damage, the others what it left.
    for (let owner = 0; owner < 3; owner++) {
      for (const partition of PARTITIONS) expect(await bench.work(partition)).toBeNull();
      await bench.append(10);
      await bench.reopen();
    }
    for (const partition of PARTITIONS) await bench.work(partition);
    await expectAsIfNothingHappened();
  });

  test("gives the same when its owner dies before, and after, it could make the journal whole", async () => {
    await workHistory();
    await damage(0, [2]);
    await bench.log().claim({ ...STAGE_JOURNAL, partition: 0 });
    await bench.reopen();
    await bench.work(0, { records: 3 });
    await bench.reopen();
    await bench.append(10);
    for (const partition of PARTITIONS) await bench.work(partition);
    await expectAsIfNothingHappened();
  });

  test("takes up again after damage what units behind it leave, without working it a second time", async () => {
    await workHistory();
    await damage(0, [2]);
    await bench.work(0);
    await bench.reopen();
    expect(await bench.restoredOffset(0)).toBe(RECORDS);
  });

  test("gives the same when it is damaged again", async () => {
    await workHistory();
    await damage(0, [2]);
    await bench.work(0);
    await bench.append(10);
    await bench.work(0);
    const units = await entriesOf("unit");
    await damage(0, units.slice(1, 2));
    for (const partition of PARTITIONS) await bench.work(partition);
    await expectAsIfNothingHappened();
  });

  test.each([0, 1])(
    "is made again from the start of the log when its only snapshot is damaged (chunk %i)",
    async (chunk) => {
      await workHistory();
      await bench.snapshot(0);
      await bench.append(10);
      await bench.work(0);
      const chunks = await entriesOf("snapshot");
      expect(chunks).toHaveLength(2);
      await damage(0, chunks.slice(chunk, chunk + 1));
      for (const partition of PARTITIONS) expect(await bench.work(partition)).toBeNull();
      await bench.reopen();
      await expectAsIfNothingHappened();
    },
  );
});

describe("a stage whose journal is damaged when retention has deleted what it would need", () => {
  /** Partition 0 with a damaged snapshot, and records 0 to 39 of `telemetry` gone. */
  async function loseState(): Promise<void> {
    await workHistory();
    for (const partition of PARTITIONS) await bench.snapshot(partition);
    await bench.deleteOld();
    await bench.append(10);
    for (const partition of PARTITIONS) await bench.work(partition);
    await damage(0, (await entriesOf("snapshot")).slice(0, 1));
  }

  test("says what is lost, goes on with what is left, and counts the rest as corrupt", async () => {
    await loseState();
    const loss = await bench.work(0);
    expect(loss).toMatchObject({ code: "STATE_LOST", retry: "never" });
    expect(loss?.message).toContain(`records 0 to ${RECORDS - 1} of telemetry/0`);
    const totals = await bench.totals(0);
    expect(totals.get("")?.corrupt).toBe(RECORDS);
    expect(totals.get("t/d")?.processed).toBe(10);
    expect(await bench.work(1)).toBeNull();
    expect((await bench.totals(1)).get("t/d")?.processed).toBe(RECORDS + 10);
  });

  test("keeps what lies before the damage, and says only the rest", async () => {
    await workHistory();
    await bench.deleteOld();
    await bench.append(10);
    await bench.work(0);
    await damage(0, [2]);
    const loss = await bench.work(0);
    expect(loss?.message).toContain(`records 5 to ${RECORDS - 1} of telemetry/0`);
    await bench.reopen();
    const totals = await bench.totals(0);
    expect(totals.get("")?.corrupt).toBe(RECORDS - 5);
    expect(totals.get("t/d")?.processed).toBe(15);
  });

  test("restores what it went on with, and says it once", async () => {
    await loseState();
    await bench.work(0);
    await bench.append(10);
    await bench.work(0);
    const totals = await bench.totals(0);
    await bench.reopen();
    expect(await bench.work(0)).toBeNull();
    expect(await bench.totals(0)).toEqual(totals);
    expect(totals.get("t/d")?.processed).toBe(20);
  });

  test("does not keep its runner from starting, and shows as not ready with the reason", async () => {
    await loseState();
    const errors: object[] = [];
    const runner = createStageRunner({
      log: bench.log(),
      stage: countingStage,
      groups: soleMember(PARTITIONS),
      generation: 0,
      monotonic: { now: () => performance.now() },
      logger: { ...silentLogger, error: (fields) => void errors.push(fields) },
      metrics: createMetrics(),
    });
    await runner.start();
    await bench.append(5);
    await eventually("both partitions worked", async () =>
      runner.totals().partitions.every(({ nextOffset }) => nextOffset === RECORDS + 15),
    );
    expect(runner.notReadyReasons()).toEqual([expect.stringContaining(`${TELEMETRY}/0`)]);
    expect(errors).toEqual([expect.objectContaining({ code: "STATE_LOST", partition: 0 })]);
    await runner.stop(AbortSignal.timeout(1000));
  });
});
