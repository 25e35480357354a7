import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { createMetrics } from "../../core/metrics.ts";
import { HEADER, type RecordInput } from "../../core/record.ts";
import { formatSourcePosition } from "../../core/source-position.ts";
import { silentLogger } from "../../core/logger.ts";
import { openEmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { openRegistry } from "../../registry/open-registry.ts";
import { NOTIFY_JOURNAL } from "../../sinks/notify/alarm-reader.ts";
import { createNotifySink } from "../../sinks/notify/notify-sink.ts";
import { damageEntries, journalKinds } from "../support/damaged-log.ts";
import { alarmEvent, SECRET } from "../unit/sinks-notify/notify-fixture.ts";
import { startWebhookReceiver } from "../unit/sinks-notify/webhook-receiver.ts";

function alarmRecord(id: string, offset: number): RecordInput {
  const src = formatSourcePosition({
    stage: "main",
    topic: "telemetry",
    partition: 3,
    generation: 0,
    offset,
    step: 0,
    index: 0,
  });
  const value = Buffer.from(JSON.stringify(alarmEvent(id)));
  return { timestamp: Date.now(), key: "t/d", value, headers: [[HEADER.source, src]] };
}

const TITLE =
  "alarms in the embedded log reach the webhook once each, and the log knows how far the sink is, over a restart";

it.each(["sound", "damaged"])(`${TITLE} with a %s journal`, async (journal) => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-notify-log-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const hook = await startWebhookReceiver();
  onTestFinished(() => hook.close());
  const open = async () => {
    const common = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
    const log = await openEmbeddedLog({
      generation: 1,
      ...common,
      directory: join(directory, "log"),
      partitionCount: 8,
      bytesMax: 64 * 1024 * 1024,
      retentionMs: 3_600_000,
      requiredJournals: [],
    });
    const registry = await openRegistry({
      ...common,
      path: join(directory, "registry.db"),
      secret: Buffer.alloc(32, 7),
    });
    const { alarms, notifications: outbox } = registry;
    const sink = createNotifySink({ ...common, log, alarms, outbox, webhooks: [{ url: hook.url, secret: SECRET }] });
    await sink.start();
    const close = async () => {
      await sink.stop(AbortSignal.timeout(5000));
      await registry.close();
      await log.close(AbortSignal.timeout(5000));
    };
    return { log, registry, sink, close };
  };
  const positionOf = async (log: Awaited<ReturnType<typeof open>>["log"]) =>
    (await log.status()).journals.find(({ name }) => name === NOTIFY_JOURNAL)?.positions.find((p) => p.partition === 3)
      ?.offset;

  const first = await open();
  await first.log.append("alarms", 3, [alarmRecord("a1", 1), alarmRecord("a2", 2)]);
  await expect.poll(() => hook.received.length, { timeout: 10_000 }).toBe(2);
  await expect.poll(() => positionOf(first.log)).toBe(2);
  expect(first.sink.notReadyReasons()).toEqual([]);
  await first.close();
  if (journal === "damaged") {
    const id = { name: "sink:notify", partition: 0 };
    const kinds = await journalKinds(join(directory, "log"), 8, id);
    await damageEntries(join(directory, "log"), id, [...kinds.keys()]);
  }

  const second = await open();
  onTestFinished(() => second.close());
  await second.log.append("alarms", 3, [
    alarmRecord("a2", 2),
    { ...alarmRecord("x", 3), value: Buffer.from("{") },
    alarmRecord("a3", 4),
  ]);
  await expect.poll(() => hook.received.length, { timeout: 10_000 }).toBe(3);
  await expect.poll(() => positionOf(second.log)).toBe(5);
  expect(hook.ids().toSorted()).toEqual(["t/a1/raised", "t/a2/raised", "t/a3/raised"]);
  expect(await second.registry.alarms.counts("t")).toEqual({ active: 3, total: 3 });
});
