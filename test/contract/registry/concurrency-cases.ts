import { expect, it, vi } from "vitest";
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

  it("tells both of a revocation, whichever made it, once", async () => {
    const other = await context.openAnother();
    const told: Record<string, string[]> = { here: [], there: [] };
    context.registry.onRevoked((keys) => void told["here"]?.push(...keys));
    other.onRevoked((keys) => void told["there"]?.push(...keys));
    const ids = ["a", "b", "c"];
    await context.registry.devices.put(
      ids.map((id) => ({ tenant: TENANT, id })),
      ACTOR,
    );
    await context.registry.devices.change(TENANT, "a", { disabled: true }, ACTOR);
    expect(told["here"]).toEqual(["acme/a"]);
    await other.devices.remove(TENANT, "b", ACTOR);
    await context.registry.devices.remove(TENANT, "c", ACTOR);
    const all = ids.map((id) => `acme/${id}`);
    await vi.waitFor(() => expect(Object.values(told).map((keys) => keys.toSorted())).toEqual([all, all]), 5000);
  });

  it("does not tell of revocations from before it was opened", async () => {
    await context.registry.devices.put([{ tenant: TENANT, id: "a" }], ACTOR);
    await context.registry.devices.remove(TENANT, "a", ACTOR);
    const other = await context.openAnother();
    const told: string[] = [];
    other.onRevoked((keys) => void told.push(...keys));
    await context.registry.devices.put([{ tenant: TENANT, id: "b" }], ACTOR);
    await context.registry.devices.remove(TENANT, "b", ACTOR);
    await vi.waitFor(() => expect(told).toEqual(["acme/b"]), 5000);
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
