import { afterEach, describe, expect, it } from "vitest";
import { createFaultBoard } from "../../../app/fault-board.ts";
import { createFaultWatch, type FaultWatch } from "../../../app/platform-faults.ts";
import { silentLogger } from "../../../core/logger.ts";
import type { Backlog } from "../../../app/ledger/backlogs.ts";
import type { PartHealth } from "../../../app/part-health.ts";
import type { LogStatus } from "../../../core/event-log.ts";

const T0 = 1_800_000_000_000;
const SOUND: LogStatus = {
  partitions: [],
  journals: [],
  bytes: 0,
  bytesMax: 100,
  refusing: null,
  deletedTelemetry: {},
};
const WELL: PartHealth = { reasons: [], faults: [], events: [] };

/** A watch whose parts and log can be set, with a clock that can be set ahead. */
function stand(parts: Record<string, () => Promise<PartHealth>>) {
  const told: string[] = [];
  const log = { status: () => Promise.resolve(SOUND) };
  let backlogs: Record<string, Backlog> = {};
  let standing: ReadonlyMap<string, string> = new Map();
  let now = T0;
  let looks = 0;
  const watch = createFaultWatch({
    parts: { ...parts, look: async () => ((looks += 1), WELL) },
    status: () => log.status(),
    backlogs: () => backlogs,
    lagMax: 1,
    standing: () => standing,
    onChange: (fault, state) => void told.push(`${fault.id} ${state}: ${fault.text}`),
    clock: { now: () => now },
    logger: silentLogger,
    waitMs: 50,
    pauseMs: 20,
  });
  watches.push(watch);
  return {
    watch,
    told,
    log,
    holdBack: (next: Record<string, Backlog>) => void (backlogs = next),
    stopAt: (next: ReadonlyMap<string, string>) => void (standing = next),
    /** Sets the clock ahead and waits until that has been seen. */
    async pass(ms: number) {
      now += ms;
      const before = looks;
      await expect.poll(() => looks, { timeout: 30_000, interval: 10 }).toBeGreaterThan(before + 1);
    },
  };
}

const watches: FaultWatch[] = [];
afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.stop(AbortSignal.abort());
});

describe("the watch over the parts", () => {
  it("names a part that hangs in the reasons, and goes on looking at the others", async () => {
    let reasons = ["it is full"];
    const { watch, pass } = stand({
      "processors.0": () => new Promise(() => undefined),
      clickhouse: () => Promise.resolve({ ...WELL, reasons }),
    });
    await watch.start();
    await pass(0);
    expect(watch.notReadyReasons()).toEqual(["processors.0 does not answer: nothing within 50 ms", "it is full"]);
    reasons = [];
    await pass(0);
    expect(watch.notReadyReasons()).toEqual(["processors.0 does not answer: nothing within 50 ms"]);
  });

  it("names the log when its writer hangs, and says when it takes nothing", async () => {
    const { watch, pass, log } = stand({});
    log.status = () => new Promise(() => undefined);
    await watch.start();
    await pass(0);
    expect(watch.notReadyReasons()).toEqual(["log does not answer: nothing within 50 ms"]);
    log.status = () => Promise.resolve({ ...SOUND, refusing: "no room" });
    await pass(0);
    expect(watch.notReadyReasons()).toEqual(["the log takes nothing more: no room"]);
    log.status = () => Promise.resolve(SOUND);
    await pass(0);
    expect(watch.notReadyReasons()).toEqual([]);
  });

  it("names who holds a quarter of the log's ceiling back, while there is room and the instance is ready", async () => {
    const { watch, told, pass, holdBack } = stand({});
    await watch.start();
    holdBack({ functions: { records: 1, bytes: 26 }, notify: { records: 1, bytes: 25 } });
    await pass(0);
    await pass(6000);
    expect(watch.faults()).toEqual([
      {
        id: "held.functions",
        since: T0,
        text: expect.stringMatching(/^functions has still to read about 26 bytes, 26 % of the log's ceiling/),
      },
    ]);
    expect(watch.notReadyReasons()).toEqual([]);
    holdBack({});
    await pass(0);
    expect(watch.faults()).toEqual([]);
    expect(told).toHaveLength(2);
  });

  it("tells of a consumer that stands, and stays ready", async () => {
    const { watch, told, stopAt, pass } = stand({});
    await watch.start();
    stopAt(new Map([["functions", "functions has not come further"]]));
    await pass(0);
    await pass(6000);
    expect(told).toEqual(["stands.functions raised: functions has not come further"]);
    expect(watch.notReadyReasons()).toEqual([]);
    stopAt(new Map());
    await pass(0);
    expect(watch.faults()).toEqual([]);
  });

  it("stays ready over a fault of a part, and tells a person of it", async () => {
    const board = createFaultBoard();
    const { watch, told, pass } = stand({ notify: () => Promise.resolve(board.health([])) });
    await watch.start();
    board.report("notify-hook", "raised", "The webhook does not accept.");
    await pass(0);
    await pass(6000);
    expect(watch.notReadyReasons()).toEqual([]);
    expect(watch.faults()).toMatchObject([{ id: "notify.notify-hook", text: "The webhook does not accept." }]);
    expect(told).toEqual(["notify.notify-hook raised: The webhook does not accept."]);
  });

  it("clears the fault that is over, and no other", async () => {
    const board = createFaultBoard();
    const { watch, told, pass } = stand({ notify: () => Promise.resolve(board.health([])) });
    await watch.start();
    board.report("first", "raised", "one");
    board.report("second", "raised", "two");
    await pass(0);
    await pass(6000);
    board.report("first", "cleared", "");
    await pass(0);
    expect(told.slice(2)).toEqual(["notify.first cleared: one"]);
    expect(watch.faults().map(({ id }) => id)).toEqual(["notify.second"]);
  });

  it("does not take a fault for over because its part does not answer", async () => {
    const board = createFaultBoard();
    let answer = async (): Promise<PartHealth> => board.health([]);
    const { watch, told, pass } = stand({ clickhouse: () => answer() });
    await watch.start();
    board.report("sink", "raised", "no rows");
    await pass(0);
    await pass(6000);
    answer = () => Promise.reject(new Error("gone"));
    await pass(0);
    await pass(6000);
    expect(told).toEqual([
      "clickhouse.sink raised: no rows",
      "clickhouse.unanswered raised: clickhouse does not answer: gone",
    ]);
  });

  it("tells once of a part that cannot serve, and not a second time when the part reports why", async () => {
    const board = createFaultBoard();
    let reasons = ["it restores"];
    const { watch, told, pass } = stand({ clickhouse: () => Promise.resolve(board.health(reasons)) });
    await watch.start();
    await pass(0);
    await pass(6000);
    board.report("sink", "raised", "no rows");
    reasons = ["it restores", "no rows"];
    await pass(0);
    expect(told).toEqual(["clickhouse raised: it restores"]);
    board.report("sink", "cleared", "rows");
    reasons = [];
    await pass(0);
    expect(told[1]).toBe("clickhouse cleared: it restores; no rows");
  });

  it("tells once of what has happened, at once and with no end", async () => {
    const board = createFaultBoard();
    const { watch, told, pass } = stand({ clickhouse: () => Promise.resolve(board.health([])) });
    await watch.start();
    board.report("missed", "happened", "2 records are lost");
    await pass(0);
    board.report("missed", "happened", "3 records are lost");
    await pass(6000);
    expect(told).toEqual([
      "clickhouse.missed happened: 2 records are lost",
      "clickhouse.missed happened: 3 records are lost",
    ]);
    expect(watch.faults()).toEqual([]);
    expect(watch.notReadyReasons()).toEqual([]);
  });

  it("lets go of a part that does not answer when it has to stop", async () => {
    const { watch } = stand({ "processors.0": () => new Promise(() => undefined) });
    await watch.start();
    await watch.stop(AbortSignal.abort());
  });
});
