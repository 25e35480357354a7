import { expect, it } from "vitest";
import { alarmEvent } from "./alarm-event.ts";
import { ACTOR, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function concurrencyCases(context: SuiteContext): void {
  it("lets both write at the same time; nothing is lost and no number given twice", async () => {
    const other = await context.openAnother();
    const put = (n: number) =>
      (n % 2 === 0 ? context.registry : other).devices.put(
        [{ tenant: TENANT, id: `d${n}`, labels: { n: `${n}` } }],
        ACTOR,
      );
    await Promise.all(Array.from({ length: 40 }, (_, n) => put(n)));
    const { items } = await context.registry.devices.list({ tenant: TENANT, limit: 100 });
    expect(items).toHaveLength(40);
    const entries = await other.controlOutbox.pending(100);
    expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(40);
    expect((await other.audit.list({ limit: 100 })).items).toHaveLength(40);
  });

  it("makes one device of two concurrent creations, and the second changes it", async () => {
    const other = await context.openAnother();
    await Promise.all([
      context.registry.devices.put([{ tenant: TENANT, id: "d", labels: { by: "one" } }], ACTOR),
      other.devices.put([{ tenant: TENANT, id: "d", labels: { by: "other" } }], ACTOR),
    ]);
    const actions = (await other.audit.list({ limit: 10 })).items.map(({ action }) => action);
    expect(actions).toEqual(["device.changed", "device.created"]);
  });

  it("shows what one committed to the other at once", async () => {
    const other = await context.openAnother();
    await context.registry.devices.put([{ tenant: TENANT, id: "d" }], ACTOR);
    const token = await context.registry.credentials.issueDeviceToken(TENANT, "d", true, ACTOR);
    expect((await other.credentials.verify(token))?.id).toBe("d");
    await other.devices.change(TENANT, "d", { disabled: true }, ACTOR);
    expect(await context.registry.credentials.verify(token)).toBeNull();
  });

  it("notifies once when both apply the same alarm", async () => {
    const other = await context.openAnother();
    await Promise.all([context.registry, other].map(({ alarms }) => alarms.applyEvents([alarmEvent({})], {})));
    expect((await other.notifications.counts()).pending).toBe(1);
  });

  it("finishes what is under way before it closes, and refuses what comes after", async () => {
    const putting = context.registry.devices.put([{ tenant: TENANT, id: "d" }], ACTOR);
    await Promise.all([context.registry.close(), putting]);
    await context.registry.close();
    await rejection(context.registry.devices.get(TENANT, "d"), "REGISTRY_IO");
    await rejection(context.registry.devices.put([{ tenant: TENANT, id: "e" }], ACTOR), "REGISTRY_IO");
    const again = await context.openAnother();
    expect((await again.devices.get(TENANT, "d"))?.id).toBe("d");
  });
}
