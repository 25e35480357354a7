import { beforeEach, expect, it } from "vitest";
import { ACTOR, auditTrail, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

export function lastSeenCases(context: SuiteContext): void {
  const lastSeen = async (id: string) => (await context.registry.devices.get(TENANT, id))?.lastSeen;

  beforeEach(async () => {
    await context.registry.devices.put(
      ["a", "b"].map((id) => ({ tenant: TENANT, id })),
      ACTOR,
    );
    await takeControls(context.registry);
  });

  it("writes the times of many devices", async () => {
    await context.registry.touch(
      new Map([
        ["acme/a", 100],
        ["acme/b", 200],
      ]),
    );
    expect([await lastSeen("a"), await lastSeen("b")]).toEqual([100, 200]);
    const { items } = await context.registry.devices.list({ tenant: TENANT, limit: 10 });
    expect(items.map((device) => device.lastSeen)).toEqual([100, 200]);
  });

  it("never moves a time backwards", async () => {
    await context.registry.touch(new Map([["acme/a", 100]]));
    await context.registry.touch(new Map([["acme/a", 99]]));
    expect(await lastSeen("a")).toBe(100);
    await context.registry.touch(new Map([["acme/a", 101]]));
    expect(await lastSeen("a")).toBe(101);
  });

  it("ignores devices that are not there and keys that are none", async () => {
    await context.registry.touch(
      new Map([
        ["acme/zz", 1],
        ["other/a", 1],
        ["no key", 1],
        ["", 1],
        ["acme/a", 7],
      ]),
    );
    expect(await lastSeen("a")).toBe(7);
    expect(await lastSeen("zz")).toBeUndefined();
  });

  it("is no change that is audited or told to a stage", async () => {
    const before = await auditTrail(context.registry);
    await context.registry.touch(new Map([["acme/a", 100]]));
    expect(await auditTrail(context.registry)).toEqual(before);
    expect(await takeControls(context.registry)).toEqual([]);
  });

  it("does nothing with nothing", async () => {
    await context.registry.touch(new Map());
    expect(await lastSeen("a")).toBeNull();
  });
}
