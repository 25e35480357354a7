import { expect, it } from "vitest";
import { alarmEvent } from "./alarm-event.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

export function eraseCases(context: SuiteContext): void {
  const addDevice = (labels: Record<string, string> = {}) =>
    context.registry.devices.put([{ tenant: TENANT, id: "pump-1", name: "Mr Smith's pump", labels }], ACTOR);
  const remove = () => context.registry.devices.remove(TENANT, "pump-1", ACTOR);
  const alarmIds = async () =>
    (await context.registry.alarms.list({ tenant: TENANT, limit: 10 })).items.map(({ id }) => id);

  it("erases the device with its token and tells its partition nothing but the id", async () => {
    await addDevice({ owner: "Mr Smith" });
    const token = await context.registry.credentials.issueDeviceToken(TENANT, "pump-1", false, ACTOR);
    await takeControls(context.registry);
    await remove();
    expect(await context.registry.devices.get(TENANT, "pump-1")).toBeNull();
    expect(await context.registry.credentials.verify(token)).toBeNull();
    const [entry] = await takeControls(context.registry);
    expect(entry?.key).toBe("acme/pump-1");
    expect(entry?.control).toMatchObject({ kind: "device", removed: true, device: { id: "pump-1", labels: {} } });
    expect(JSON.stringify(entry)).not.toContain("Smith");
  });

  it("leaves the id in the audit and nothing else", async () => {
    await addDevice({ owner: "Mr Smith" });
    await context.registry.devices.put([{ tenant: TENANT, id: "pump-1", name: "Mrs Smith's pump" }], ACTOR);
    await remove();
    const trail = await auditTrail(context.registry);
    expect(trail.at(-1)).toBe("device.removed device acme/pump-1");
    expect(trail.join("\n")).not.toContain("Smith");
  });

  it("fails for a device that is not there, without a trace", async () => {
    await rejection(remove(), "NOT_FOUND");
    expect(await takeControls(context.registry)).toEqual([]);
    expect(await auditTrail(context.registry)).toEqual([]);
  });

  it("does not give old tokens to a device made again under the same id, and its revision is higher", async () => {
    await addDevice();
    const token = await context.registry.credentials.issueDeviceToken(TENANT, "pump-1", false, ACTOR);
    await context.registry.touch(new Map([["acme/pump-1", 5]]));
    await remove();
    const removal = (await takeControls(context.registry)).at(-1);
    await addDevice();
    expect(await context.registry.credentials.verify(token)).toBeNull();
    expect((await context.registry.devices.get(TENANT, "pump-1"))?.lastSeen).toBeNull();
    const [creation] = await takeControls(context.registry);
    expect(creation?.sequence).toBeGreaterThan(removal?.sequence ?? Infinity);
    expect(creation?.control).toMatchObject({ revision: creation?.sequence });
  });

  it("erases its alarms, and other devices keep theirs", async () => {
    await addDevice();
    await context.registry.alarms.applyEvents([alarmEvent({ id: "a1" }), alarmEvent({ id: "a2", device: "b" })], {});
    await remove();
    expect(await alarmIds()).toEqual(["a2"]);
  });

  it("does not let events still on their way bring the history back, but tells people of them", async () => {
    await addDevice();
    await context.registry.alarms.applyEvents([alarmEvent({ id: "a1", received: context.time.now - 20 })], {});
    await remove();
    const late = [
      alarmEvent({ id: "a1", transition: "cleared", received: context.time.now + 5, reason: "device-removed" }),
      alarmEvent({ id: "a3", received: context.time.now - 1 }),
    ];
    await context.registry.alarms.applyEvents(late, {});
    expect(await alarmIds()).toEqual([]);
    expect((await context.registry.notifications.counts()).pending).toBe(3);
  });

  it("gives a device made again its own history", async () => {
    await addDevice();
    await remove();
    context.time.now += 1000;
    await addDevice();
    const old = alarmEvent({ id: "old", received: context.time.now - 1500 });
    await context.registry.alarms.applyEvents([old, alarmEvent({ id: "new", received: context.time.now + 1 })], {});
    expect(await alarmIds()).toEqual(["new"]);
  });
}
