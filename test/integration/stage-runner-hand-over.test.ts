import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { defineMap } from "../../core/function.ts";
import { createMetrics } from "../../core/metrics.ts";
import { countingStage } from "../support/counting-stage.ts";
import { newerUnit } from "../support/newer-unit.ts";
import {
  appendMessages,
  eventually,
  expectedSources,
  processed,
  sources,
  stageOnLog,
} from "../support/stage-on-log.ts";
import type { AssignmentListener, ConsumerGroups } from "../../core/consumer-group.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { StageDefinition } from "../../core/stage.ts";

const stage = stageOnLog();
const { openLog } = stage;

afterEach(() => stage.dispose());

describe("a partition that moves between two stage runners", () => {
  it("comes back to state that was kept, with nothing lost and nothing twice", async () => {
    const log = await openLog();
    const first = await member(log);
    const second = await member(log);
    await first.dealt.take([0, 1]);
    await appendMessages(log, 0, 20);
    await processed(first.runner, 40);
    await first.dealt.release([1]);
    await second.dealt.take([1]);
    await appendMessages(log, 20, 30);
    await processed(first.runner, 30);
    await processed(second.runner, 30);
    await second.dealt.release([1]);
    await first.dealt.take([1]);
    await appendMessages(log, 30, 40);
    await processed(first.runner, 80);
    expect(await sources(log)).toEqual(expectedSources(40));
    expect(first.restores()).toEqual({ cold: 2, warm: 1 });
    expect(second.restores()).toEqual({ cold: 1, warm: 0 });
  });

  it("is restored in full when a commit of it had failed", async () => {
    const log = await openLog();
    let commits = 0;
    const failing: EventLog = {
      ...log,
      async commit(request) {
        await log.commit(request);
        commits += 1;
        // It has landed, but its owner is told otherwise.
        if (commits === 3) throw new MillraceError("LOG_IO", "nobody knows");
      },
    };
    const { dealt, runner, restores } = await member(failing);
    await dealt.take([0, 1]);
    for (const from of [0, 10, 20]) {
      await appendMessages(log, from, from + 10);
      await eventually(async () => (await sources(log)).length === 2 * (from + 10));
    }
    await processed(runner, 60);
    expect(await sources(log)).toEqual(expectedSources(30));
    expect(restores()).toEqual({ cold: 3, warm: 0 });
  });

  it("holds up no other: records of those that stay are processed while it is claimed and restored", async () => {
    const log = await openLog();
    const restore = Promise.withResolvers<void>();
    const slow: EventLog = {
      ...log,
      async claim(journal, held) {
        const claim = await log.claim(journal, held);
        if (journal.partition === 1) await restore.promise;
        return claim;
      },
    };
    const { dealt, runner } = await member(slow);
    await dealt.take([0]);
    const taken = dealt.take([1]);
    await appendMessages(log, 0, 20);
    await processed(runner, 20);
    expect(await sources(log)).toEqual(expectedSources(20).slice(0, 20));
    restore.resolve();
    await taken;
    await processed(runner, 40);
    expect(await sources(log)).toEqual(expectedSources(20));
  });

  it("is given away in the middle of what was read, however long that takes to be worked", async () => {
    const log = await openLog();
    const slow = defineMap<"telemetry">({
      name: "slow",
      version: 1,
      input: "telemetry",
      outputs: [],
      process() {
        const until = performance.now() + 10;
        while (performance.now() < until);
      },
    });
    const slowStage = { ...countingStage, functions: [slow, ...countingStage.functions] };
    await appendMessages(log, 0, 60);
    const { dealt, runner } = await member(log, slowStage);
    await dealt.take([0, 1]);
    await eventually(async () => runner.totals().partitions.some(({ nextOffset }) => nextOffset > 0));
    await dealt.release([1]);
    const [kept] = runner.totals().partitions;
    expect(kept?.nextOffset).toBeLessThan(60);
    await dealt.take([1]);
    await processed(runner, 120);
    expect(await sources(log)).toEqual(expectedSources(60));
  });
});

describe("a stage that meets what a newer release has written to its journal", () => {
  it("leaves its group, says why, and lets those go on that know it", async () => {
    const log = await openLog();
    const newer = await member(log);
    await newer.dealt.take([0, 1]);
    await appendMessages(log, 0, 10);
    await processed(newer.runner, 20);
    await newer.dealt.release([1]);
    await commitOfVersion2(log, 1);
    const older = await member(log);
    await expect(older.dealt.take([1])).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
    await eventually(async () => older.left());
    expect(older.runner.notReadyReasons()).toEqual([
      "stage test stopped: the journal of stage test has entries of version 2, and this release reads version 1",
    ]);
    await appendMessages(log, 10, 20);
    await processed(newer.runner, 20);
    expect(newer.left()).toBe(false);
  });
});

/** As a release does whose units this one does not know. */
async function commitOfVersion2(log: EventLog, partition: number): Promise<void> {
  const journal = { name: "stage:test", partition };
  const { epoch } = await log.claim(journal);
  const body = newerUnit("test", 10);
  await log.commit({ journal, epoch, entry: { kind: "unit", positions: [], nextTimer: null, body }, outputs: [] });
}

/** A runner whose partitions are dealt out by the test. */
async function member(log: EventLog, worked: StageDefinition = countingStage) {
  const metrics = createMetrics();
  const joined: AssignmentListener[] = [];
  let hasLeft = false;
  const groups: ConsumerGroups = {
    join(_consumer, listener) {
      joined.push(listener);
      const leave = async (): Promise<void> => {
        hasLeft = true;
        await listener.release([0, 1]);
      };
      return { start: () => Promise.resolve(), stop: leave };
    },
    members: () => Promise.resolve([]),
  };
  const runner = await stage.run(log, { groups, metrics, stage: worked });
  const [dealt] = joined;
  if (dealt === undefined) throw new Error("the runner joined no group");
  const restoresOf = (kind: string): number | undefined =>
    metrics.snapshot().find(({ name, labels }) => name === "millrace_stage_restores_total" && labels["kind"] === kind)
      ?.value;
  return {
    runner,
    dealt,
    left: () => hasLeft,
    restores: () => ({ cold: restoresOf("cold"), warm: restoresOf("warm") }),
  };
}
