import { describe, expect, it } from "vitest";
import { isControlRecord } from "../../core/record.ts";
import { createRandom } from "../../device-sim/random.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { countRepeated, openInstanceLog, visitTopic } from "../support/log-dump.ts";
import { mortalInstance } from "../support/replay-kills.ts";
import {
  expectAlarms,
  expectBalanced,
  expectTables,
  report,
  whyNoReplay,
  withTables,
} from "../support/replay-proof.ts";
import { beijingRecording } from "../support/replay-recordings.ts";
import {
  applyRecording,
  firstMessage,
  instanceApi,
  listAlarms,
  replayRecording,
  settled,
} from "../support/replay-run.ts";
import { startAlarmReceiver } from "../support/webhook-receiver.ts";
import type { Recording } from "../support/replay-recordings.ts";

const { skip, why } = whyNoReplay();
const KILLS = Number(process.env["MILLRACE_KILLS"] ?? "5");
const SEED = process.env["MILLRACE_SEED"] ?? "kill-nine";
const ROWS_PER_KILL = 9000;
/** Recorded time per second: paced so that all kills find it running, and it catches up at full speed after each. */
const SPEED = 600_000;
const SETTLE_MS = 600_000;
const TIMEOUT_MS = 300_000 + KILLS * 60_000;

describe.skipIf(skip)(`kill -9 of the whole tree during a replay${why}`, () => {
  it("loses nothing acknowledged and counts nothing twice", { timeout: TIMEOUT_MS }, async () => {
    const recording = beijingRecording(KILLS * ROWS_PER_KILL);
    const directory = temporaryDirectory();
    const receiver = await startAlarmReceiver();
    const instance = await mortalInstance(directory.path, ["--webhook-url", receiver.url]);
    try {
      await instance.start();
      const { csv } = await applyRecording(recording, directory.path);
      const { mqtt } = instance;
      let running = true;
      const replay = replayRecording(recording, { csv, data: directory.path, mqtt, flush: false, speed: SPEED });
      const replayed = replay.finally(() => (running = false));
      const random = createRandom(SEED);
      let duringReplay = 0;
      // The command registers devices first, which needs an instance that answers.
      await firstMessage(instanceApi(directory.path));
      for (let kill = 0; kill < KILLS; kill += 1) {
        if (running) duringReplay += 1;
        await instance.killSoon(random);
      }
      const done = await replayed;
      const api = instanceApi(directory.path);
      await api.post("/flush", { upTo: done.flushUpTo });
      const audit = await settled(api, SETTLE_MS);
      const alarms = await listAlarms(api);
      expect(done.acknowledged).toBe(recording.messages.length);
      expectBalanced(audit, recording);
      expectAlarms(recording, alarms, receiver, done.flushUpTo);
      expect(await instance.stop()).toBe(0);
      await expectAllInLog(recording, directory.path);
      const tables = await withTables(directory.path, (some) => expectTables(recording, some, done.flushUpTo));
      const { duplicate } = audit.ledger.messages;
      const webhooks = { told: receiver.messages, distinct: receiver.transitions().length };
      report(recording, { kills: KILLS, duringReplay, ...done, duplicate, ...tables, alarms: alarms.length, webhooks });
    } finally {
      await instance.kill();
      await receiver.close();
      directory.dispose();
    }
  });
});

/** Every message of the recording was acknowledged, so every one must be in the log, with all its values; and nothing came of it twice. */
async function expectAllInLog(recording: Recording, data: string): Promise<void> {
  const kept = new Set<string>();
  const log = await openInstanceLog(data);
  await visitTopic(log, "telemetry", (record) => {
    if (isControlRecord(record)) return;
    const { key, value } = record;
    const { ts, values }: { ts: number; values: object } = JSON.parse(Buffer.from(value).toString());
    kept.add(identityOf(key ?? "", ts, values));
  });
  // Embedded, a unit and its outputs are one transaction: what a restart works again was never in the log.
  for (const topic of ["readings", "aggregates", "alarms"] as const) {
    expect({ topic, repeated: await countRepeated(log, topic) }).toEqual({ topic, repeated: 0 });
  }
  await log.close(AbortSignal.timeout(5000));
  const missing = recording.messages.filter(({ device, ts, values }) => {
    return !kept.has(identityOf(`default/${device}`, ts, values));
  });
  expect(missing.slice(0, 5)).toEqual([]);
}

function identityOf(key: string, ts: number, values: object): string {
  return JSON.stringify([key, ts, Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
