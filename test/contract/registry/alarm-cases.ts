import { expect, it } from "vitest";
import { alarmEvent } from "./alarm-event.ts";
import { rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function alarmCases(context: SuiteContext): void {
  const raised = alarmEvent({});
  const cleared = alarmEvent({
    transition: "cleared",
    ts: 9000,
    value: 80,
    message: "back to 80 °C",
    reason: "condition",
  });
  const list = async (query: object = {}) =>
    (await context.registry.alarms.list({ tenant: TENANT, limit: 100, ...query })).items;
  const due = async () => (await context.registry.notifications.due(context.time.now, 100)).map(({ id }) => id);

  it("raises an alarm and queues one notification with the event as body", async () => {
    await context.registry.alarms.applyEvents([raised], { "read 0": 1 });
    expect(await list()).toEqual([
      {
        id: "a1",
        tenant: TENANT,
        device: "pump-1",
        rule: "hot",
        ruleName: "Too hot",
        severity: "high",
        active: true,
        raisedAt: 2000,
        clearedAt: null,
        metric: "temperature",
        value: 91.5,
        message: "temperature 91.5 °C > 90",
      },
    ]);
    expect(await context.registry.alarms.get(TENANT, "a1")).toEqual((await list())[0]);
    expect(await context.registry.alarms.get(TENANT, "a2")).toBeNull();
    expect(await context.registry.alarms.get("other", "a1")).toBeNull();
    expect(await context.registry.notifications.due(context.time.now, 10)).toEqual([
      { id: "acme/a1/raised", kind: "alarm", body: raised, attempts: 0 },
    ]);
  });

  it("queues a copy for each destination that has rows of its own, once", async () => {
    const copies = ["0123456789ab", "ba9876543210"];
    await context.registry.alarms.applyEvents([raised], {}, copies);
    await context.registry.alarms.applyEvents([raised], {}, copies);
    expect(await due()).toEqual(["acme/a1/raised", ...copies.map((name) => `acme/a1/raised@${name}`)]);
  });

  it("clears it: what it was about stays", async () => {
    await context.registry.alarms.applyEvents([raised], {});
    await context.registry.alarms.applyEvents([cleared], {});
    expect(await list()).toMatchObject([{ active: false, raisedAt: 2000, clearedAt: 9000, value: 91.5 }]);
    expect(await due()).toEqual(["acme/a1/raised", "acme/a1/cleared"]);
  });

  it("comes to the same state in whatever order the transitions arrive", async () => {
    await context.registry.alarms.applyEvents([cleared], {});
    expect(await list()).toMatchObject([{ active: false, raisedAt: 1000, clearedAt: 9000 }]);
    await context.registry.alarms.applyEvents([raised], {});
    expect(await list()).toMatchObject([{ active: false, raisedAt: 2000, clearedAt: 9000, value: 91.5 }]);
    expect(await context.registry.alarms.counts(TENANT)).toEqual({ active: 0, total: 1 });
  });

  it("is not changed by replayed events, and notifies nobody again", async () => {
    await context.registry.alarms.applyEvents([raised, cleared], {});
    const before = await list();
    await context.registry.notifications.settle("acme/a1/raised", { delivered: true });
    await context.registry.alarms.applyEvents([{ ...raised, ts: 2500, message: "of another generation" }], {});
    await context.registry.alarms.applyEvents([cleared, cleared, raised], {});
    expect(await list()).toEqual(before);
    expect(await due()).toEqual(["acme/a1/cleared"]);
  });

  it("keeps alarms of the same id apart by tenant", async () => {
    await context.registry.alarms.applyEvents([raised, { ...raised, tenant: "other" }], {});
    expect(await due()).toHaveLength(2);
    expect(await context.registry.alarms.counts("other")).toEqual({ active: 1, total: 1 });
  });

  it("stores the reader's positions with the events, and returns all of them", async () => {
    expect(await context.registry.alarms.positions()).toEqual({});
    await context.registry.alarms.applyEvents([raised], { "read 0": 5, "mark main telemetry 0 offset": 7 });
    await context.registry.alarms.applyEvents([], { "read 0": 6 });
    expect(await context.registry.alarms.positions()).toEqual({ "read 0": 6, "mark main telemetry 0 offset": 7 });
    // A restore from a backup sets the reader back.
    await context.registry.alarms.applyEvents([], { "read 0": 2 });
    expect((await context.registry.alarms.positions())["read 0"]).toBe(2);
  });

  it("applies a batch with its positions entirely or not at all", async () => {
    const broken = context.registry.alarms.applyEvents([raised], { "read 0": Number.NaN });
    await expect(broken).rejects.toThrow();
    expect(await list()).toEqual([]);
    expect(await due()).toEqual([]);
    expect(await context.registry.alarms.positions()).toEqual({});
    await context.registry.alarms.applyEvents([raised], { "read 0": 1 });
    expect(await list()).toHaveLength(1);
  });

  it("counts active and all alarms of a tenant", async () => {
    await context.registry.alarms.applyEvents(
      [raised, cleared, alarmEvent({ id: "a2" }), alarmEvent({ id: "a3" })],
      {},
    );
    expect(await context.registry.alarms.counts(TENANT)).toEqual({ active: 2, total: 3 });
    expect(await context.registry.alarms.counts("nobody")).toEqual({ active: 0, total: 0 });
  });

  it("lists the newest first, by activity and device, page by page", async () => {
    const events = [1, 2, 3, 4].map((n) => alarmEvent({ id: `a${n}`, ts: n < 3 ? 100 : n * 100, device: `d${n % 2}` }));
    await context.registry.alarms.applyEvents(events, {});
    await context.registry.alarms.applyEvents([alarmEvent({ id: "a4", transition: "cleared", device: "d0" })], {});
    const ids = async (query: object = {}) => (await list(query)).map(({ id }) => id);
    expect(await ids()).toEqual(["a4", "a3", "a2", "a1"]);
    expect(await ids({ active: true })).toEqual(["a3", "a2", "a1"]);
    expect(await ids({ active: false })).toEqual(["a4"]);
    expect(await ids({ device: "d1" })).toEqual(["a3", "a1"]);
    const first = await context.registry.alarms.list({ tenant: TENANT, limit: 3 });
    expect(await ids({ after: first.next ?? "" })).toEqual(["a1"]);
    await rejection(ids({ after: "made-up" }), "INVALID_INPUT");
    await rejection(ids({ limit: 0 }), "INVALID_INPUT");
  });

  it("takes a long backlog at once", async () => {
    const events = Array.from({ length: 2500 }, (_, n) =>
      alarmEvent({ id: `a${n >> 1}`, transition: n % 2 ? "cleared" : "raised" }),
    );
    await context.registry.alarms.applyEvents(events, {});
    expect(await context.registry.alarms.counts(TENANT)).toEqual({ active: 0, total: 1250 });
    expect((await context.registry.notifications.counts()).pending).toBe(2500);
  });
}
