import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { createMetrics } from "../../core/metrics.ts";
import { silentLogger } from "../../core/logger.ts";
import type { Registry } from "../../core/registry.ts";
import { openRegistry } from "../../registry/open-registry.ts";
import { createNotifySink, type NotifySink } from "../../sinks/notify/notify-sink.ts";
import { registryPlace } from "../support/registry-place.ts";
import { createMemoryEventLog } from "../unit/sinks-notify/memory-event-log.ts";
import { alarmEvent, SECRET } from "../unit/sinks-notify/notify-fixture.ts";
import { startWebhookReceiver } from "../unit/sinks-notify/webhook-receiver.ts";

/** The sink on a real registry: see registryPlace. */
async function start(urls: readonly string[]) {
  const place = await registryPlace();
  const log = createMemoryEventLog();
  const open = () =>
    openRegistry({
      ...place.at,
      clock: systemClock,
      secret: Buffer.alloc(32, 7),
      logger: silentLogger,
    });
  let registry: Registry = await open();
  let sink: NotifySink | null = null;
  const run = async () => {
    const { alarms, notifications: outbox } = registry;
    const webhooks = urls.map((url) => ({ url, secret: SECRET }));
    sink = createNotifySink({
      log,
      alarms,
      outbox,
      webhooks,
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    await sink.start();
  };
  onTestFinished(async () => {
    await sink?.stop(AbortSignal.abort());
    await registry.close();
    await place.dispose();
  });
  await run();
  return {
    log,
    registry: () => registry,
    /** Ends everything at once and opens it again from what is on disk. */
    restart: async () => {
      await sink?.stop(AbortSignal.abort());
      await registry.close();
      registry = await open();
      await run();
    },
  };
}

describe("alarms on their way to people", () => {
  it("stand in the registry and reach the webhook once each, over restarts and repeats", async () => {
    const hook = await startWebhookReceiver();
    onTestFinished(() => hook.close());
    const { log, registry, restart } = await start([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    log.putAlarm(1, alarmEvent("a2"), 1);
    log.putAlarm(0, alarmEvent("a1", "cleared"), 2);
    await expect.poll(() => hook.received.length, { timeout: 10_000 }).toBe(3);
    await expect.poll(async () => (await registry().notifications.counts()).delivered).toBe(3);
    await restart();
    log.putAlarm(0, alarmEvent("a1"), 1);
    log.putAlarm(1, alarmEvent("a3"), 2);
    await expect.poll(() => hook.received.length, { timeout: 10_000 }).toBe(4);
    await expect.poll(async () => registry().notifications.counts()).toEqual({ pending: 0, delivered: 4, failed: 0 });
    expect(new Set(hook.ids()).size).toBe(4);
    expect(hook.received.map(({ body }) => String(JSON.parse(body).alarm.id)).toSorted()).toEqual([
      "a1",
      "a1",
      "a2",
      "a3",
    ]);
    expect(await registry().alarms.counts("t")).toEqual({ active: 2, total: 3 });
  });

  it("wait on disk for a receiver that is down, and carry the same id then", async () => {
    const dead = await startWebhookReceiver();
    const port = Number(new URL(dead.url).port);
    dead.answer((response) => response.writeHead(500).end());
    const { log, registry, restart } = await start([dead.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await expect.poll(() => dead.received.length, { timeout: 10_000 }).toBe(1);
    await dead.close();
    await restart();
    expect((await registry().notifications.counts()).pending).toBe(1);
    const hook = await startWebhookReceiver(port);
    onTestFinished(() => hook.close());
    await expect.poll(() => hook.received.length, { timeout: 20_000 }).toBe(1);
    expect(hook.received[0]?.body).toBe(dead.received[0]?.body);
  });

  it("reach every destination, each under the one id", async () => {
    const [one, two] = [await startWebhookReceiver(), await startWebhookReceiver()];
    onTestFinished(() => Promise.all([one.close(), two.close()]).then(() => undefined));
    const { log, registry } = await start([one.url, two.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await expect
      .poll(async () => registry().notifications.counts(), { timeout: 10_000 })
      .toEqual({ pending: 0, delivered: 2, failed: 0 });
    expect(one.ids()).toEqual(two.ids());
    expect(one.ids()).toHaveLength(1);
  });

  it("come in their order, all of them, to a receiver that was away, while another one had them at once", async () => {
    const dead = await startWebhookReceiver();
    const port = Number(new URL(dead.url).port);
    await dead.close();
    const well = await startWebhookReceiver();
    onTestFinished(() => well.close());
    const { log, registry } = await start([dead.url, well.url]);
    const alarms = Array.from({ length: 30 }, (_, n) => `a${n}`);
    for (const [n, id] of alarms.entries()) log.putAlarm(n % 2, alarmEvent(id), n + 1);
    for (const [n, id] of alarms.entries()) log.putAlarm(n % 2, alarmEvent(id, "cleared"), n + 31);
    const counts = () => registry().notifications.counts();
    await expect.poll(counts, { timeout: 20_000 }).toEqual({ pending: 60, delivered: 60, failed: 0 });
    expect(await registry().notifications.waiting(null)).toBe(60);
    expect((await registry().notifications.due(Date.now(), 100)).every(({ attempts }) => attempts === 0)).toBe(true);
    const hook = await startWebhookReceiver(port);
    onTestFinished(() => hook.close());
    await expect.poll(counts, { timeout: 40_000 }).toEqual({ pending: 0, delivered: 120, failed: 0 });
    for (const { received } of [hook, well]) {
      const told = received.map(({ body }) => JSON.parse(body).alarm);
      expect(told).toHaveLength(60);
      for (const id of alarms) {
        expect(told.filter((alarm) => alarm.id === id).map(({ transition }) => transition)).toEqual([
          "raised",
          "cleared",
        ]);
      }
    }
  });
});
