import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { HEADER } from "../../core/record.ts";
import { createKafkajsClient } from "../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { dumpTopic, openInstanceLog, openLogDirectory } from "../support/log-dump.ts";
import { realDataMissing } from "../support/real-data.ts";
import { noKafka, openTestKafkaLog, startKafka } from "../support/kafka-servers.ts";
import { appendShare, caughtUp, frailLog, recordTelemetry, runMainStage } from "../support/replay-again.ts";
import { mortalInstance } from "../support/replay-kills.ts";
import { campusIotRecording } from "../support/replay-recordings.ts";
import { applyRecording, firstMessage, instanceApi, replayRecording } from "../support/replay-run.ts";
import type { TopicName } from "../../core/topics.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { RecordedTopic } from "../support/replay-again.ts";

const missing = realDataMissing();
const why = missing === null ? "" : ` (skipped: ${missing})`;
const PARTITIONS = 32;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const DERIVED = ["readings", "aggregates", "alarms", "quarantine", "dead-letters", "device-events"] as const;
const ROWS = 6000;
/** Silence this short makes ticks in a replay: results then hang on receive times too. */
const IDLE_MS = 400;

/** Its timer is due soon after a device's last message, wherever in a window that came. */
const BRIEFLY_SILENT = alarmRuleSchema.parse({
  tenant: "default",
  id: "briefly-silent",
  name: "Briefly silent",
  severity: "low",
  condition: { kind: "no-data", afterMs: 1000 },
});

type Dump = ReadonlyMap<TopicName, ReadonlyMap<number, readonly Buffer[]>>;

describe.skipIf(missing !== null)(`the same recorded telemetry${why}`, () => {
  const directory = temporaryDirectory();
  let recorded: RecordedTopic = new Map();
  let live: Dump = new Map();

  beforeAll(async () => {
    const data = join(directory.path, "live");
    await recordRun(data);
    const log = await openInstanceLog(data, PARTITIONS);
    recorded = await recordTelemetry(log);
    live = await dumpAll(log);
    await log.close(AbortSignal.timeout(5000));
  });
  afterAll(() => directory.dispose());

  async function withFreshLog(name: string, use: (log: EventLog) => Promise<void>): Promise<Dump> {
    const log = await openLogDirectory(join(directory.path, name), PARTITIONS);
    try {
      await use(log);
      return await dumpAll(log);
    } finally {
      await log.close(AbortSignal.timeout(5000));
    }
  }

  it("holds messages, configuration, ticks and a flush, and made records on every derived topic but one", () => {
    const kinds = new Set<string>();
    for (const records of recorded.values()) {
      for (const { headers } of records) {
        kinds.add(headers.find(([name]) => name === HEADER.controlKind)?.[1] ?? "message");
      }
    }
    expect([...kinds].sort()).toEqual(["alarm-rule", "device", "device-type", "flush", "message", "tick"]);
    const filled = DERIVED.filter((topic) => (live.get(topic)?.size ?? 0) > 0);
    expect(filled).toEqual(DERIVED.filter((topic) => topic !== "dead-letters"));
  });

  it("gives equal bytes in two fresh logs, whatever the batches, the polls and the interruptions", async () => {
    const whole = await withFreshLog("whole", async (log) => {
      await appendShare(log, recorded, { from: 0, to: 1, batch: 500 });
      const runner = await runMainStage(log, ALL);
      await caughtUp(log, [runner]);
      await runner.stop(AbortSignal.timeout(5000));
    });
    const broken = await withFreshLog("broken", async (log) => {
      const frail = frailLog(log, 3000);
      const first = await Promise.all(halves().map((some) => runMainStage(frail.log, some)));
      await appendShare(log, recorded, { from: 0, to: 0.5, batch: 7 });
      await sleep(100);
      frail.cut();
      await Promise.all(first.map((runner) => runner.stop(AbortSignal.timeout(5000))));
      const second = await runMainStage(log, ALL);
      await appendShare(log, recorded, { from: 0.5, to: 1, batch: 64 });
      await caughtUp(log, [second]);
      await second.stop(AbortSignal.timeout(5000));
    });
    expectEqualBytes(broken, whole);
    expectEqualBytes(whole, live);
  });

  it.skipIf(noKafka !== null)(
    `gives the same bytes on Kafka, through either client (needs ${noKafka ?? "Java and Maven"})`,
    async () => {
      const servers = await startKafka(1);
      try {
        for (const createClient of [createPlatformaticClient, createKafkajsClient]) {
          const log = await openTestKafkaLog(servers.addresses, createClient, PARTITIONS);
          const first = await Promise.all(halves().map((some) => runMainStage(log, some)));
          await appendShare(log, recorded, { from: 0, to: 0.7, batch: 11 });
          // Another owner takes the partitions over while those who had them are still at work.
          const ended = Promise.all(first.map((runner) => runner.stop(AbortSignal.timeout(5000))));
          const second = await runMainStage(log, ALL);
          await ended;
          await appendShare(log, recorded, { from: 0.7, to: 1, batch: 64 });
          await caughtUp(log, [second]);
          await second.stop(AbortSignal.timeout(5000));
          expectEqualBytes(await dumpAll(log), live);
          await log.close(AbortSignal.timeout(5000));
        }
      } finally {
        await servers.stop();
      }
    },
  );

  it("gives other bytes when one record of it is missing", async () => {
    const [longest = []] = [...recorded.values()].sort((a, b) => b.length - a.length);
    const place = longest.findIndex(({ headers }) => headers.every(([name]) => name !== HEADER.controlKind));
    const partition = [...recorded].find(([, records]) => records === longest)?.[0] ?? 0;
    const shorter = new Map(recorded).set(partition, longest.toSpliced(place, 1));
    const other = await withFreshLog("shorter", async (log) => {
      await appendShare(log, shorter, { from: 0, to: 1, batch: 500 });
      const runner = await runMainStage(log, ALL);
      await caughtUp(log, [runner]);
      await runner.stop(AbortSignal.timeout(5000));
    });
    expect(() => expectEqualBytes(other, live)).toThrow();
  });
});

/** A real run: a replay with short silences, a kill -9 in its middle, and a device that sends what cannot be read. */
async function recordRun(data: string): Promise<void> {
  const recording = campusIotRecording(ROWS);
  const types = recording.types.map((type) => ({ ...type, idleMs: IDLE_MS, outOfOrderMs: 0 }));
  const instance = await mortalInstance(data, ["--no-clickhouse"]);
  await instance.start();
  try {
    const { csv } = await applyRecording({ ...recording, types, rules: [...recording.rules, BRIEFLY_SILENT] }, data);
    const replay = replayRecording(recording, { csv, data, mqtt: instance.mqtt, flush: false });
    await firstMessage(instanceApi(data));
    await instance.killAndStart(0);
    await publishNonsense(instance.mqtt, instance.token());
    const { flushUpTo } = await replay;
    // Long enough for silence to be noticed: ticks.
    await sleep(10 * IDLE_MS);
    await instanceApi(data).post("/flush", { upTo: flushUpTo });
    expect(await instance.stop()).toBe(0);
  } finally {
    await instance.kill();
  }
}

async function publishNonsense(url: string, token: string): Promise<void> {
  const client = await connectAsync(url, { username: "first-device", password: token, clientId: "first-device" });
  const payloads = ['{"t":21.5}', "no JSON", '{"t":1e400,"h":40}', '{"ts":1,"values":{"t":3}}', '[{"t":1},{"t":2}]'];
  for (const payload of payloads) {
    await client.publishAsync("millrace/default/first-device/telemetry", payload, { qos: 1 });
  }
  await client.endAsync();
}

function halves(): number[][] {
  return [ALL.filter((partition) => partition % 2 === 0), ALL.filter((partition) => partition % 2 === 1)];
}

async function dumpAll(log: EventLog): Promise<Dump> {
  const dump = new Map<TopicName, ReadonlyMap<number, readonly Buffer[]>>();
  for (const topic of DERIVED) dump.set(topic, await dumpTopic(log, topic));
  return dump;
}

function expectEqualBytes(found: Dump, expected: Dump): void {
  for (const topic of DERIVED) {
    for (const partition of ALL) {
      const some = found.get(topic)?.get(partition) ?? [];
      const others = expected.get(topic)?.get(partition) ?? [];
      const place = some.findIndex((record, index) => !record.equals(others[index] ?? Buffer.alloc(0)));
      const where = `${topic}/${partition} record ${place}`;
      if (place >= 0) expect(`${where}: ${textOf(some[place])}`).toBe(`${where}: ${textOf(others[place])}`);
      expect({ topic, partition, records: some.length }).toEqual({ topic, partition, records: others.length });
    }
  }
}

/** Without the zeros of the lengths, which a terminal does not like. */
function textOf(record: Buffer | undefined): string {
  return record === undefined ? "nothing" : record.toString().replaceAll("\0", "");
}
