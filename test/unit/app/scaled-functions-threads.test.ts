import { expect, it } from "vitest";
import { readConfig } from "../../../app/config.ts";
import { createScaledFunctionsThreads } from "../../../app/threads/scaled-functions-threads.ts";
import { silentLogger } from "../../../core/logger.ts";
import { FUNCTIONS_STAGE, stageJournalName } from "../../../core/stage.ts";
import { FakeFunctionsThread } from "../../support/fake-functions-thread.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { LogStatus } from "../../../core/event-log.ts";

const never = new Promise<void>(() => undefined);

/** The threads of a stage that has begun and has something to do. */
function scaled(make: (onEnd: (error: Error | null) => void) => FakeFunctionsThread) {
  const config = readConfig({ partitions: 1 }, {}, {});
  const log = createMemoryEventLog({ partitionCount: 1 });
  const name = stageJournalName(FUNCTIONS_STAGE.name);
  const positions = [{ topic: FUNCTIONS_STAGE.input, partition: 0, offset: 0 }];
  const status: LogStatus = {
    partitions: [{ topic: FUNCTIONS_STAGE.input, partition: 0, startOffset: 0, endOffset: 9 }],
    journals: [{ name, partition: 0, epoch: 1, positions, nextTimer: null }],
    bytes: 0,
    bytesMax: 1,
    refusing: null,
    deletedTelemetry: {},
  };
  const connect = (): never => {
    throw new Error("no thread of this test connects");
  };
  const spawned: FakeFunctionsThread[] = [];
  const threads = createScaledFunctionsThreads({
    config,
    log: { connect },
    scaling: { ...log, status: () => Promise.resolve(status) },
    stage: FUNCTIONS_STAGE,
    clock: { now: () => Date.now() },
    logger: silentLogger,
    spawn: () => {
      const { promise: ended, resolve } = Promise.withResolvers<Error | null>();
      const thread = make(resolve);
      spawned.push(thread);
      return { thread, ended };
    },
  });
  return { threads, spawned };
}

it("hires nobody when a thread that does not start has held the scaling up until the stop", async () => {
  const { threads, spawned } = scaled((onEnd) => new FakeFunctionsThread(onEnd, never));
  threads.start();
  await expect.poll(() => spawned.length).toBe(1);
  await threads.stop(100);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(spawned.map(({ isEnded }) => isEnded)).toEqual([true]);
});

it("has one deadline for the scaling that is under way and for the threads' end", async () => {
  let taking = 0;
  const { threads, spawned } = scaled((onEnd) => {
    const thread = new FakeFunctionsThread(onEnd, Promise.resolve());
    thread.onTake = () => {
      taking += 1;
      return never;
    };
    return thread;
  });
  threads.start();
  await expect.poll(() => taking).toBe(1);
  await threads.stop(200);
  expect(spawned.length).toBeGreaterThan(0);
  for (const { stops, isEnded } of spawned) {
    expect(isEnded).toBe(true);
    expect(stops).toHaveLength(1);
    // Half of it is gone.
    expect(stops[0]).toBeLessThanOrEqual(100);
  }
});
