import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { partitionOf } from "../../../core/partitioner.ts";
import { HEADER } from "../../../core/record.ts";
import { createControlRelay } from "../../../runtime/control-relay.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { Logger } from "../../../core/logger.ts";
import type { LogAppender, LogInspector } from "../../../core/event-log.ts";
import type { ControlOutbox, OutboxEntry } from "../../../core/registry.ts";

const PARTITIONS = 4;
const NO_FUNCTIONS = {
  stages: { begin: () => Promise.resolve(), end: () => Promise.reject(new Error("no stage has begun")) },
  idleStages: { look: () => Promise.resolve() },
};
const clock = { now: () => 1_800_000_000_000 };

describe("the control relay", () => {
  it("says once that the log refuses, and once that it is over, and asks less and less often", async () => {
    const lines: string[] = [];
    const say = (_: object, text: string): void => void lines.push(text);
    const { attempts } = await relay([entry(1, null)], 5, { ...silentLogger, warn: say, info: say });
    expect(lines).toEqual([
      "control records do not reach the log; trying again",
      "over: control records do not reach the log",
    ]);
    const pauses = attempts.slice(1, 6).map((at, index) => at - (attempts[index] ?? 0));
    expect(pauses[4]).toBeGreaterThan(4 * (pauses[0] ?? 0));
  });

  it("does not repeat what fails because of a programmer's error", async () => {
    const service = createControlRelay({
      outbox: { ...emptyOutbox(), pending: () => Promise.reject(new TypeError("not a function")) },
      log: createMemoryEventLog({ partitionCount: PARTITIONS }),
      partitionCount: PARTITIONS,
      ...NO_FUNCTIONS,
      clock,
      logger: silentLogger,
    });
    await service.start();
    await expect(service.stop(AbortSignal.timeout(1000))).rejects.toThrow(TypeError);
  });

  it("lets go of an append that hangs when it has to stop", async () => {
    const service = createControlRelay({
      outbox: { ...emptyOutbox(), pending: () => Promise.resolve([entry(1, null)]) },
      log: { ...createMemoryEventLog({ partitionCount: PARTITIONS }), append: () => new Promise(() => undefined) },
      partitionCount: PARTITIONS,
      ...NO_FUNCTIONS,
      clock,
      logger: silentLogger,
    });
    await service.start();
    await service.stop(AbortSignal.timeout(20));
  });

  it("puts a record without a key into every partition and settles it once", async () => {
    const { log, sent } = await relay([entry(1, null), entry(2, null)]);
    const read = await readAll(log);
    expect(read).toHaveLength(2 * PARTITIONS);
    expect(sent).toEqual([2]);
  });

  it("puts a device's record into the device's partition, in order behind what was queued before it", async () => {
    const { log } = await relay([entry(1, null), entry(2, "default/d1"), entry(3, null)]);
    const partition = partitionOf("default/d1", PARTITIONS);
    const there = (await readAll(log)).filter((record) => record.partition === partition);
    expect(there.map((record) => record.upTo)).toEqual([1, 2, 3]);
    const elsewhere = (await readAll(log)).filter((record) => record.partition !== partition);
    expect(new Set(elsewhere.map((record) => record.upTo))).toEqual(new Set([1, 3]));
  });

  it("tells each partition of a flush of some devices its own ones, and the others nothing", async () => {
    const devices = Array.from({ length: 5 }, (_, index) => `default/d${index}`);
    const { log } = await relay([{ sequence: 1, key: null, control: { v: 1, kind: "flush", upTo: 1, devices } }]);
    const read = await readAll(log);
    expect(read.flatMap((record) => record.devices ?? []).toSorted()).toEqual(devices);
    for (const { partition, devices: own = [] } of read) {
      expect(own).not.toEqual([]);
      expect(own.map((device) => partitionOf(device, PARTITIONS))).toEqual(own.map(() => partition));
    }
  });

  it("settles nothing while the log refuses, and sends all of it when the log takes it again", async () => {
    const { log, sent } = await relay([entry(1, null)], 2);
    expect(sent).toEqual([1]);
    expect(await readAll(log)).toHaveLength(PARTITIONS);
  });
});

function entry(sequence: number, key: string | null): OutboxEntry {
  return { sequence, key, control: { v: 1, kind: "flush", upTo: sequence } };
}

function emptyOutbox(): ControlOutbox {
  return {
    pending: () => Promise.resolve([]),
    markSent: () => Promise.resolve(),
    changed: () => delay(1),
    enqueue: () => Promise.reject(new Error("nothing is queued here")),
    drained: () => Promise.resolve(),
    configuration: () => Promise.reject(new Error("nobody asks")),
  };
}

/** Runs a relay until the outbox is empty; the log refuses the first `refusals` rounds. */
async function relay(entries: readonly OutboxEntry[], refusals = 0, logger: Logger = silentLogger) {
  const log = createMemoryEventLog({ partitionCount: PARTITIONS });
  let refuse = refusals * PARTITIONS;
  const appender: LogAppender & LogInspector = {
    status: () => log.status(),
    append(topic, partition, records) {
      if (refuse-- > 0) return Promise.reject(new MillraceError("LOG_FULL", "full"));
      return log.append(topic, partition, records);
    },
  };
  let pending = [...entries];
  const sent: number[] = [];
  const attempts: number[] = [];
  const outbox: ControlOutbox = {
    ...emptyOutbox(),
    pending(limit) {
      attempts.push(performance.now());
      return Promise.resolve(pending.slice(0, limit));
    },
    markSent(sequence) {
      sent.push(sequence);
      pending = pending.filter((left) => left.sequence > sequence);
      return Promise.resolve();
    },
  };
  const service = createControlRelay({
    outbox,
    log: appender,
    partitionCount: PARTITIONS,
    ...NO_FUNCTIONS,
    clock,
    logger,
  });
  await service.start();
  while (pending.length > 0) await delay(5);
  await service.stop(AbortSignal.timeout(1000));
  return { log, sent, attempts };
}

async function readAll(log: ReturnType<typeof createMemoryEventLog>) {
  const positions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: "telemetry",
    partition,
    offset: 0,
  }));
  const reader = log.openReader(positions);
  const found: { partition: number; upTo: unknown; devices: string[] | undefined }[] = [];
  for (;;) {
    const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 0 });
    if (slices.length === 0) return found;
    for (const { partition, records } of slices) {
      for (const record of records) {
        expect(record.header(HEADER.controlKind)).toBe("flush");
        const value: { upTo: unknown; devices?: string[] } = JSON.parse(Buffer.from(record.value).toString());
        found.push({ partition, upTo: value.upTo, devices: value.devices });
      }
    }
  }
}
