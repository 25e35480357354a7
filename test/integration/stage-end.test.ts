import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { createMemoryEventLog } from "../support/memory-event-log.ts";
import { eventually, PARTITIONS, stageOnLog } from "../support/stage-on-log.ts";
import type { EventLog, LogReader } from "../../core/event-log.ts";

const place = stageOnLog();
afterEach(() => place.dispose());

it("tells who runs a stage, once, that its loop has ended by itself", async () => {
  const log = createMemoryEventLog({ partitionCount: PARTITIONS });
  const reader: LogReader = {
    poll: () => Promise.reject(new TypeError("a defect")),
    seek: () => undefined,
    close: () => undefined,
  };
  const broken: EventLog = { ...log, openReader: () => reader };
  const ends: unknown[] = [];
  const runner = await place.run(broken, { onEnd: (error) => ends.push(error) });
  await eventually(() => Promise.resolve(runner.notReadyReasons().length > 0));
  expect(runner.notReadyReasons()).toEqual(["stage test stopped: a defect"]);
  expect(ends).toEqual([new TypeError("a defect")]);
});

it("ends the thread of a stage that has ended, whatever else keeps it", async () => {
  const worker = new Worker(new URL("../support/ending-thread.ts", import.meta.url));
  const [error]: unknown[] = await once(worker, "error");
  expect(error).toMatchObject({ name: "TypeError", message: "the stage has a defect" });
});
