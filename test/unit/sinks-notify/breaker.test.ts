import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { alarmEvent, notifyFixture, until } from "./notify-fixture.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

async function receiver(): Promise<WebhookReceiver> {
  const started = await startWebhookReceiver();
  onTestFinished(() => started.close());
  return started;
}

function fixture(urls: readonly string[]) {
  const made = notifyFixture(urls);
  onTestFinished(() => made.kill());
  const isDelivered = () => {
    const rows = [...made.registry.rows.values()];
    return rows.length > 0 && rows.every(({ state }) => state === "delivered");
  };
  /** How many requests a destination did not take, and the breaker knows it. */
  const failed = () => made.count("millrace_notify_attempts_total", "failed");
  return { ...made, isDelivered, failed };
}

/** For each alarm its transitions in the order in which they came, repeats left out. */
function transitionsByAlarm(hook: WebhookReceiver, from = 0): Map<string, string[]> {
  const seen = new Map<string, string[]>();
  for (const id of hook.ids().slice(from)) {
    const [alarm = "", transition = ""] = id.split(":");
    const list = seen.get(alarm) ?? [];
    if (!list.includes(transition)) seen.set(alarm, [...list, transition]);
  }
  return seen;
}

it("disturbs no other destination by one that is away, however much waits for it and how long, and loses nothing", async () => {
  const [dead, well] = [await receiver(), await receiver()];
  let isOut = true;
  dead.answer((response) => response.writeHead(isOut ? 503 : 204).end());
  const made = fixture([dead.url, well.url]);
  const { log, registry, start, setAhead, faults, count, isDelivered, failed } = made;
  await start();
  const alarms = LIMITS.webhookRoundRowsMax / 2 + 50;
  for (let n = 0; n < alarms; n += 1) {
    log.putAlarm(0, alarmEvent(`a${n}`), 2 * n + 1);
    log.putAlarm(0, alarmEvent(`a${n}`, "cleared"), 2 * n + 2);
  }
  await until(() => well.received.length === 2 * alarms);
  expect([...transitionsByAlarm(well).values()].every((list) => list.join() === "raised,cleared")).toBe(true);
  // Days of it, in which nobody is asked but now and then.
  for (let day = 1; day <= 5; day += 1) {
    const before = failed();
    setAhead(day * LIMITS.webhookAgeMsMax);
    await until(() => failed() > before);
  }
  log.putAlarm(1, alarmEvent("late"), 1);
  await until(() => well.ids().includes("late:raised"));
  const rows = [...registry.rows.values()].filter(({ id, state }) => state === "pending" && !id.includes("@"));
  expect(rows).toHaveLength(2 * alarms + 1);
  expect(rows.every(({ attempts }) => attempts === 0)).toBe(true);
  expect(dead.received.length).toBeLessThan(30);
  expect(made.breakers()).toEqual([2, 0]);
  expect(faults.at(-1)).toMatch(
    /notify-\w+ raised: The webhook at 127\.0\.0\.1:\d+ does not accept notifications: answered 503\. So since [\d-]+T[\d:]+Z\. What comes waits and is not lost \(\d+ notifications\); next try at [\d-]+T[\d:]+Z\.$/,
  );
  const asked = dead.received.length;
  isOut = false;
  setAhead(6 * LIMITS.webhookAgeMsMax);
  await until(isDelivered);
  const told = transitionsByAlarm(dead, asked);
  expect(told.size).toBe(alarms + 1);
  expect([...told.values()].every((list) => list.join().startsWith("raised"))).toBe(true);
  expect(dead.received.length - asked).toBe(2 * alarms + 1);
  expect(made.breakers()).toEqual([0, 0]);
  expect(count("millrace_notify_attempts_total", "given_up")).toBe(0);
  expect(faults.at(-1)).toContain("cleared: The webhook at");
});

it("sends one probe while it is open", async () => {
  const hook = await receiver();
  let underWay = 0;
  let most = 0;
  let isOpen = false;
  hook.answer((response) => {
    underWay += 1;
    if (isOpen) most = Math.max(most, underWay);
    setTimeout(() => {
      underWay -= 1;
      response.writeHead(503).end();
    }, 50);
  });
  const { log, start, setAhead, faults, failed } = fixture([hook.url]);
  for (let n = 0; n < 50; n += 1) log.putAlarm(0, alarmEvent(`a${n}`), n + 1);
  await start();
  await until(() => faults.length > 0 && underWay === 0);
  isOpen = true;
  for (let probe = 1; probe <= 4; probe += 1) {
    const before = failed();
    setAhead(probe * 60_000);
    await until(() => failed() > before);
  }
  expect(most).toBe(1);
});

it("is not opened by a notification that alone is refused", async () => {
  const hook = await receiver();
  hook.answer((response, { headers }) => response.writeHead(headers["millrace-id"] === "bad:raised" ? 422 : 204).end());
  const { log, registry, start, setAhead, faults, breakers } = fixture([hook.url]);
  log.putAlarm(0, alarmEvent("bad"), 1);
  await start();
  for (let n = 1; n <= 5; n += 1) {
    await until(() => registry.rows.get("bad:raised")?.attempts === n);
    setAhead(n * LIMITS.webhookRetryDelayMsMax);
  }
  expect(breakers()).toEqual([0]);
  log.putAlarm(0, alarmEvent("good"), 2);
  await until(() => registry.rows.get("good:raised")?.state === "delivered");
  expect(faults.filter((fault) => fault.includes("does not accept"))).toEqual([]);
});

it("is held up by no notification on which the destination fails each time", async () => {
  const hook = await receiver();
  hook.answer((response, { headers }) => response.writeHead(headers["millrace-id"] === "bad:raised" ? 500 : 204).end());
  const { log, registry, start, setAhead, failed } = fixture([hook.url]);
  log.putAlarm(0, alarmEvent("bad"), 1);
  await start();
  // Nothing else is there that could be told from an outage by.
  await until(() => failed() >= 3);
  for (let n = 0; n < 30; n += 1) log.putAlarm(1, alarmEvent(`a${n}`), n + 1);
  let ahead = 0;
  const isWell = () => [...registry.rows.values()].filter(({ state }) => state === "delivered").length === 30;
  while (!isWell()) {
    setAhead((ahead += 5000));
    await sleep(20);
  }
  while (registry.rows.get("bad:raised")?.attempts === 0) {
    setAhead((ahead += 5000));
    log.putAlarm(1, alarmEvent(`more${ahead}`), 30 + ahead);
    await sleep(20);
  }
  expect(registry.rows.get("bad:raised")?.state).toBe("pending");
});

it("loses nothing while a receiver refuses everybody's signature", async () => {
  const hook = await receiver();
  let isRenewed = false;
  hook.answer((response) => response.writeHead(isRenewed ? 204 : 401).end());
  const { log, start, setAhead, isDelivered, faults, count, failed } = fixture([hook.url]);
  for (let n = 0; n < 20; n += 1) log.putAlarm(0, alarmEvent(`a${n}`), n + 1);
  await start();
  for (let day = 1; day <= 6; day += 1) {
    const before = failed();
    setAhead(day * LIMITS.webhookAgeMsMax);
    await until(() => failed() > before);
  }
  expect(faults.at(-1)).toContain("answered 401");
  isRenewed = true;
  setAhead(7 * LIMITS.webhookAgeMsMax);
  await until(isDelivered);
  expect(count("millrace_notify_attempts_total", "given_up")).toBe(0);
});
