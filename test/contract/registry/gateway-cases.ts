import { beforeEach, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import type { DeviceChanges, DeviceInput } from "../../../core/registry.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function gatewayCases(context: SuiteContext): void {
  const put = (...devices: readonly Omit<DeviceInput, "tenant">[]) =>
    context.registry.devices.put(
      devices.map((device) => ({ tenant: TENANT, ...device })),
      ACTOR,
    );
  const change = (id: string, changes: DeviceChanges) => context.registry.devices.change(TENANT, id, changes, ACTOR);
  const device = (id: string) => context.registry.devices.get(TENANT, id);
  const publishable = async (ids: readonly string[], gateway = "gw") =>
    (await context.registry.gateways.publishable(TENANT, gateway, ids)).toSorted();

  beforeEach(() => put({ id: "gw", gateway: true }, { id: "a", via: "gw" }, { id: "b", via: "gw" }, { id: "alone" }));

  it("publishes for itself and for the devices that name it", async () => {
    expect(await device("gw")).toMatchObject({ gateway: true, provisions: false, via: null });
    expect(await device("a")).toMatchObject({ gateway: false, provisions: false, via: "gw" });
    expect(await publishable(["a", "b", "alone", "gw", "new"])).toEqual(["a", "b", "gw"]);
    expect(await device("new")).toBeNull();
  });

  it("publishes for nobody by any other text, nor in another tenant", async () => {
    await context.registry.devices.put([{ tenant: "other", id: "c" }], ACTOR);
    expect(await publishable(["", "..", "a/b", "__proto__x y", "A", "a\u0000", "x".repeat(129), "c"])).toEqual([]);
    expect(await context.registry.gateways.publishable("other", "gw", ["a", "c"])).toEqual([]);
    expect(await publishable(["a"], "alone")).toEqual([]);
    expect(await publishable(["a"], "nobody")).toEqual([]);
  });

  it("may no more when the device is disabled, removed or given to another, or it is no gateway itself", async () => {
    await put({ id: "gw-2", gateway: true }, { id: "c", via: "gw" });
    await change("a", { disabled: true });
    await change("b", { via: "gw-2" });
    await context.registry.devices.remove(TENANT, "c", ACTOR);
    expect(await publishable(["a", "b", "c"])).toEqual([]);
    expect(await publishable(["a", "b", "c"], "gw-2")).toEqual(["b"]);
    await change("gw-2", { disabled: true });
    expect(await publishable(["b"], "gw-2")).toEqual([]);
    await change("gw-2", { disabled: false, gateway: false });
    expect(await publishable(["b"], "gw-2")).toEqual([]);
  });

  it("tells the edge of whatever takes a right away, and the stages of none of it", async () => {
    const revoked: string[] = [];
    context.registry.onRevoked((keys) => void revoked.push(...keys));
    const before = (await context.registry.controlOutbox.pending(100)).length;
    await put({ id: "gw-2", gateway: true, provisions: true });
    await change("a", { via: "gw-2" });
    await change("b", { via: null });
    await change("gw-2", { provisions: false });
    await change("gw-2", { gateway: false });
    expect(revoked).toEqual([`${TENANT}/a`, `${TENANT}/b`, `${TENANT}/gw-2`, `${TENANT}/gw-2`]);
    expect((await context.registry.controlOutbox.pending(100)).length).toBe(before + 1);
  });

  it("has its devices no more when it was removed, nor has another of its name", async () => {
    await context.registry.devices.remove(TENANT, "gw", ACTOR);
    expect(await device("a")).toMatchObject({ via: null });
    await put({ id: "gw", gateway: true });
    expect(await publishable(["a", "b"])).toEqual([]);
  });

  it.each([
    [{ id: "c", via: "nobody" }, 'gateway "nobody" does not exist'],
    [{ id: "c", via: "alone" }, '"alone" is no gateway'],
    [{ id: "c", via: "c", gateway: true }, "through itself"],
    [{ id: "c", provisions: true }, "only a gateway creates devices"],
  ])("refuses %j", async (input, text) => {
    expect(await rejection(put(input), "INVALID_INPUT")).toContain(text);
    expect(await device("c")).toBeNull();
  });

  it("takes a gateway and its devices at once, in any order", async () => {
    await put({ id: "d", via: "gw-3" }, { id: "gw-3", gateway: true });
    expect(await publishable(["d"], "gw-3")).toEqual(["d"]);
  });

  it("is what a document says, and no gateway where it leaves that out", async () => {
    const apply = (...devices: readonly DeviceInput[]) =>
      context.registry.config.apply({ types: [], rules: [], devices }, ACTOR);
    const box = { tenant: TENANT, id: "box" };
    await apply({ ...box, gateway: true }, { tenant: TENANT, id: "e", via: "box" });
    expect(await publishable(["e"], "box")).toEqual(["e"]);
    await rejection(apply(box, { tenant: TENANT, id: "e", via: "box" }), "INVALID_INPUT");
    await apply(box, { tenant: TENANT, id: "e" });
    expect([await device("box"), await device("e")]).toMatchObject([{ gateway: false }, { via: null }]);
  });

  it("creates devices where it may, and takes none that is there or was removed", async () => {
    await put({ id: "maker", gateway: true, provisions: true }, { id: "gone" });
    await context.registry.devices.remove(TENANT, "gone", ACTOR);
    expect(await publishable(["new-1", "new-2", "alone", "a", "gone", "not an id"], "maker")).toEqual([
      "new-1",
      "new-2",
    ]);
    expect(await device("new-1")).toMatchObject({ via: "maker", type: null, labels: {}, disabled: false });
    expect([await device("alone"), await device("a")]).toMatchObject([{ via: null }, { via: "gw" }]);
    expect(await device("gone")).toBeNull();
    expect(await publishable(["new-1"], "maker")).toEqual(["new-1"]);
    expect(await auditTrail(context.registry)).toContain(`device.created device ${TENANT}/new-1`);
  });

  it("creates a device once when it is asked twice at once", async () => {
    await put({ id: "maker", gateway: true, provisions: true });
    const answers = await Promise.all([publishable(["x", "y"], "maker"), publishable(["y", "x"], "maker")]);
    expect(answers).toEqual([
      ["x", "y"],
      ["x", "y"],
    ]);
  });

  it("creates no more than a gateway may have", async () => {
    await put({ id: "maker", gateway: true, provisions: true });
    const ids = Array.from({ length: LIMITS.devicesPerGatewayMax - 1 }, (_, index) => `d${index}`);
    await put(...ids.map((id) => ({ id, via: "maker" })));
    expect(await publishable(["e1", "e2"], "maker")).toEqual(["e1"]);
    expect(await publishable(["e1", "e2"], "maker")).toEqual(["e1"]);
  });

  it("says so of the token", async () => {
    const token = await context.registry.credentials.issueDeviceToken(TENANT, "gw", false, ACTOR);
    expect(await context.registry.credentials.verify(token)).toEqual({
      kind: "device",
      tenant: TENANT,
      id: "gw",
      isGateway: true,
    });
  });
}
