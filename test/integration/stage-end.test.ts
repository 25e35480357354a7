import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { ENDED_AT } from "../../core/event-log.ts";
import { functionsStage } from "../../core/functions-stage.ts";
import type { Logger } from "../../core/logger.ts";
import { stageJournalName } from "../../core/stage.ts";
import { controlRecord } from "../../runtime/control-record.ts";
import { createMemoryEventLog } from "../support/memory-event-log.ts";
import { createFunctionsStages, type FunctionsStages } from "../../runtime/functions-stages.ts";
import { T0 } from "../support/counting-stage.ts";
import { eventually, PARTITIONS, stageOnLog } from "../support/stage-on-log.ts";
import type { EventLog, LogReader } from "../../core/event-log.ts";

const place = stageOnLog();
afterEach(() => place.dispose());

const stage = functionsStage("fn-apart");
const TICK = controlRecord(null, { v: 1, kind: "tick" }, T0 + 1000);

function stagesOn(log: EventLog): FunctionsStages {
  return createFunctionsStages({
    log,
    outbox: { configuration: () => Promise.resolve({ revision: 1, types: [], rules: [], tables: [], devices: [] }) },
    generation: 1,
    partitionCount: PARTITIONS,
    clock: { now: () => T0 },
  });
}

function loggerOf(lines: string[]): Logger {
  const at = (level: string) => (_fields: object, text: string) => void lines.push(`${level}: ${text}`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

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

it("works a stage that was ended and begun again between two looks of whoever starts its threads", async () => {
  const log = await place.openLog();
  const stages = stagesOn(log);
  await stages.begin([stage.name]);
  await stages.end(stage.name);
  const runner = await place.run(log, { stage });
  const standsAt = () => runner.totals().partitions.map(({ nextOffset }) => nextOffset);
  await eventually(() => Promise.resolve(standsAt().length === PARTITIONS));
  expect(standsAt()).toEqual([ENDED_AT, ENDED_AT]);
  await stages.begin([stage.name]);
  await eventually(() => Promise.resolve(standsAt().every((offset) => offset < ENDED_AT)));
  const offset = await log.append("readings", 1, [TICK]);
  await eventually(() => Promise.resolve((standsAt()[1] ?? 0) > offset));
});

it("warns of no commit when a stage ends in the partitions that it works", async () => {
  const log = await place.openLog();
  const stages = stagesOn(log);
  await stages.begin([stage.name]);
  const lines: string[] = [];
  const runner = await place.run(log, { stage, logger: loggerOf(lines) });
  const standsAt = () => runner.totals().partitions.map(({ nextOffset }) => nextOffset);
  await eventually(() => Promise.resolve(standsAt().length === PARTITIONS));
  await stages.end(stage.name);
  for (let partition = 0; partition < PARTITIONS; partition += 1) await log.append("readings", partition, [TICK]);
  await eventually(() => Promise.resolve(standsAt().every((offset) => offset === ENDED_AT)));
  await eventually(() => Promise.resolve(lines.length === PARTITIONS));
  expect(lines).toEqual(Array.from({ length: PARTITIONS }, () => "debug: the stage has ended in the partition"));
});

it("warns of a commit that failed because another works the partition", async () => {
  const log = await place.openLog();
  await stagesOn(log).begin([stage.name]);
  const lines: string[] = [];
  const runner = await place.run(log, { stage, logger: loggerOf(lines) });
  await eventually(() => Promise.resolve(runner.totals().partitions.length === PARTITIONS));
  await log.claim({ name: stageJournalName(stage.name), partition: 1 });
  await log.append("readings", 1, [TICK]);
  await eventually(() => Promise.resolve(lines.length > 0));
  expect(lines).toEqual(["warn: commit failed; restoring the partition"]);
});
