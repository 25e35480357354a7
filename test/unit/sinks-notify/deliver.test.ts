import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { alarmEvent, notifyFixture, SECRET, until } from "./notify-fixture.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).toReversed()) await close();
});

async function receiver(port?: number): Promise<WebhookReceiver> {
  const started = await startWebhookReceiver(port);
  cleanUp.push(() => started.close());
  return started;
}

function fixture(urls: readonly string[]) {
  const made = notifyFixture(urls);
  cleanUp.push(() => made.kill());
  return made;
}

describe("delivering notifications", () => {
  it("posts each transition once, with a signature that the receiver can check", async () => {
    const hook = await receiver();
    const { log, registry, start } = fixture([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    log.putAlarm(0, alarmEvent("a1", "cleared"), 2);
    await start();
    await until(() => registry.rows.get("a1:cleared")?.state === "delivered");
    await until(() => registry.rows.get("a1:raised")?.state === "delivered");
    expect(hook.ids().toSorted()).toEqual(["a1:cleared", "a1:raised"]);
    for (const { headers, body, method } of hook.received) {
      const timestamp = String(headers["millrace-timestamp"]);
      const hex = createHmac("sha256", SECRET).update(`${timestamp}.${body}`).digest("hex");
      expect(headers["millrace-signature"]).toBe(`v1=${hex}`);
      expect(method).toBe("POST");
      expect(JSON.parse(body)).toMatchObject({
        v: 1,
        id: headers["millrace-id"],
        kind: "alarm",
        at: 1_000_000,
        alarm: { id: "a1" },
      });
    }
  });

  it("sends the same bytes under the same id again after the receiver failed", async () => {
    const hook = await receiver();
    hook.answer((response) => response.writeHead(hook.received.length === 1 ? 500 : 200).end());
    const { log, registry, start, setAhead, count } = fixture([hook.url]);
    log.putAlarm(1, alarmEvent("a1"), 1);
    await start();
    await until(() => count("millrace_notify_attempts_total", "failed") === 1);
    setAhead(2000);
    await until(() => registry.rows.get("a1:raised")?.state === "delivered");
    expect(hook.received.map(({ body }) => body)).toEqual([hook.received[0]?.body, hook.received[0]?.body]);
    expect(count("millrace_notify_attempts_total", "failed")).toBe(1);
  });

  it("does not retry before the wait is over", async () => {
    const hook = await receiver();
    hook.answer((response) => response.writeHead(503, { "retry-after": "120" }).end());
    const { log, start, setAhead, count } = fixture([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => count("millrace_notify_attempts_total", "failed") === 1);
    setAhead(100_000);
    await sleep(1200);
    expect(hook.received).toHaveLength(1);
    setAhead(130_000);
    await until(() => hook.received.length === 2);
  });

  it("tells what happened each time, and a fault that stands once", async () => {
    const hook = await receiver();
    const { start } = fixture([hook.url]);
    const sink = await start();
    sink.platformFault("clickhouse.missed", "happened", "2 records are lost");
    await until(() => hook.received.length === 1);
    sink.platformFault("clickhouse.missed", "happened", "3 records are lost");
    sink.platformFault("log", "raised", "full");
    sink.platformFault("log", "raised", "full");
    await until(() => hook.received.length === 3);
    const faults = hook.received.map(({ body }) => JSON.parse(body).fault);
    expect(faults.map(({ transition, text }) => `${transition}: ${text}`).toSorted()).toEqual([
      "happened: 2 records are lost",
      "happened: 3 records are lost",
      "raised: full",
    ]);
  });

  it("does not follow a redirect", async () => {
    const elsewhere = await receiver();
    const hook = await receiver();
    hook.answer((response) => response.writeHead(307, { location: elsewhere.url }).end());
    const { log, start, faults } = fixture([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => faults.some((fault) => fault.includes("answered 307")));
    expect(elsewhere.received).toHaveLength(0);
  });

  it("takes a receiver that drops the connection for a failure, and goes on", async () => {
    const hook = await receiver();
    hook.answer((response, { headers }) => {
      if (headers["millrace-id"] === "a1:raised") response.destroy();
      else response.writeHead(200).end();
    });
    const { log, registry, start } = fixture([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    log.putAlarm(0, alarmEvent("a2"), 2);
    await start();
    await until(() => registry.rows.get("a2:raised")?.state === "delivered");
    expect(registry.rows.get("a1:raised")?.state).toBe("pending");
  });

  it("delivers what waited once a dead receiver is back", async () => {
    const dead = await startWebhookReceiver();
    const port = Number(new URL(dead.url).port);
    await dead.close();
    const { log, registry, start, setAhead, count } = fixture([dead.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => count("millrace_notify_attempts_total", "failed") > 2);
    const hook = await receiver(port);
    setAhead(60_000);
    await until(() => registry.rows.get("a1:raised")?.state === "delivered");
    expect(hook.ids()).toEqual(["a1:raised"]);
  });

  it("sends the same id again after a kill between delivery and settling", async () => {
    const hook = await receiver();
    const { log, registry, start, kill } = fixture([hook.url]);
    registry.failing = { call: "settle", error: new MillraceError("REGISTRY_IO", "no") };
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => hook.received.length === 1);
    await kill();
    expect(registry.rows.get("a1:raised")?.state).toBe("pending");
    registry.failing = null;
    await start();
    await until(() => registry.rows.get("a1:raised")?.state === "delivered");
    expect(hook.ids()).toEqual(["a1:raised", "a1:raised"]);
  });

  it("does not post again while the registry cannot take the result", async () => {
    const hook = await receiver();
    const { log, registry, start } = fixture([hook.url]);
    registry.failing = { call: "settle", error: new MillraceError("REGISTRY_IO", "no") };
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => hook.received.length === 1);
    await sleep(1300);
    expect(hook.received).toHaveLength(1);
    registry.failing = null;
    await until(() => registry.rows.get("a1:raised")?.state === "delivered");
    expect(hook.received).toHaveLength(1);
  });

  it("gives up what is refused for days and says so", async () => {
    const hook = await receiver();
    hook.answer((response) => response.writeHead(422).end());
    const { log, registry, start, setAhead, faults, count } = fixture([hook.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    for (let n = 1; n <= 4; n += 1) {
      await until(() => registry.rows.get("a1:raised")?.attempts === n);
      setAhead(n * LIMITS.webhookRetryDelayMsMax);
    }
    setAhead(LIMITS.webhookAgeMsMax + 1000);
    await until(() => registry.rows.get("a1:raised")?.state === "failed");
    expect(count("millrace_notify_attempts_total", "given_up")).toBe(1);
    expect(
      faults.filter((fault) => fault.includes("refuses one notification after the other: answered 422")),
    ).toHaveLength(1);
  });

  it("is held up by no receiver that hangs: the others get theirs", async () => {
    const hangs = await receiver();
    hangs.answer(() => undefined);
    const hook = await receiver();
    const { log, registry, start } = fixture([hangs.url, hook.url]);
    for (let n = 0; n < 20; n += 1) log.putAlarm(0, alarmEvent(`a${n}`), n + 1);
    await start();
    await until(() => hook.received.length >= 4);
    expect(hangs.received.length).toBeLessThanOrEqual(4);
    expect([...registry.rows.values()].filter(({ state }) => state === "delivered").length).toBeGreaterThan(0);
  });

  it("gives every destination each notification once, under one id", async () => {
    const [one, two] = [await receiver(), await receiver()];
    const { log, registry, start } = fixture([one.url, two.url]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(
      () => registry.rows.size === 2 && [...registry.rows.values()].every(({ state }) => state === "delivered"),
    );
    expect([one.ids(), two.ids()]).toEqual([["a1:raised"], ["a1:raised"]]);
  });

  it("keeps the alarm and says that nobody was told when there is no destination", async () => {
    const { log, registry, start } = fixture([]);
    log.putAlarm(0, alarmEvent("a1"), 1);
    await start();
    await until(() => registry.rows.get("a1:raised")?.state === "failed");
    expect(registry.rows.get("a1:raised")?.error).toBe("no destination is configured");
    expect(registry.states.get("a1")?.active).toBe(true);
  });

  it("gives up a flood of them that nobody is to be told of without settling each", async () => {
    const { log, registry, start, count } = fixture([]);
    registry.failing = { call: "settle", error: new MillraceError("REGISTRY_IO", "one transaction too many") };
    for (let index = 0; index < 300; index++) log.putAlarm(index % 2, alarmEvent(`a${index}`), index + 1);
    await start();
    await until(() => [...registry.rows.values()].filter(({ state }) => state === "failed").length === 300);
    expect(count("millrace_notify_attempts_total", "undeliverable")).toBe(300);
  });

  it("tells of a platform fault once, and of its end", async () => {
    const hook = await receiver();
    const { start } = fixture([hook.url]);
    const sink = await start();
    sink.platformFault("disk", "raised", "The disk is nearly full.");
    sink.platformFault("disk", "raised", "The disk is nearly full.");
    await until(() => hook.received.length === 1);
    sink.platformFault("disk", "cleared", "There is room again.");
    await until(() => hook.received.length === 2);
    const bodies = hook.received.map(({ body }) => JSON.parse(body));
    expect(bodies).toMatchObject([
      { kind: "platform", fault: { id: "disk", transition: "raised", text: "The disk is nearly full." } },
      { kind: "platform", fault: { id: "disk", transition: "cleared" } },
    ]);
  });

  it("refuses more destinations than the ceiling", async () => {
    const urls = Array.from({ length: LIMITS.webhooksMax + 1 }, (_, n) => `http://127.0.0.1:1/${n}`);
    await expect(notifyFixture(urls).start()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("refuses a destination that it cannot post to", async () => {
    await expect(notifyFixture(["ftp://127.0.0.1/"]).start()).rejects.toThrow("must begin with http:// or https://");
    await expect(notifyFixture(["not a url"]).start()).rejects.toThrow("must begin with http:// or https://");
  });
});
