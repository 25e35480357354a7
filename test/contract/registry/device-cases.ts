import { expect, it } from "vitest";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

export function deviceCases(context: SuiteContext): void {
  const put = (...devices: { id: string; name?: string; type?: string | null; labels?: Record<string, string> }[]) =>
    context.registry.devices.put(
      devices.map((device) => ({ tenant: TENANT, ...device })),
      ACTOR,
    );
  const addType = (id: string) =>
    context.registry.config.apply(
      { types: [deviceTypeSchema.parse({ tenant: TENANT, id })], rules: [], devices: [] },
      ACTOR,
    );

  it("gives a new device its defaults", async () => {
    await put({ id: "pump-1" });
    expect(await context.registry.devices.get(TENANT, "pump-1")).toEqual({
      tenant: TENANT,
      id: "pump-1",
      name: "pump-1",
      type: null,
      labels: {},
      disabled: false,
      gateway: false,
      provisions: false,
      via: null,
      createdAt: context.time.now,
      lastSeen: null,
    });
  });

  it("answers null for a device that is not there, or is another tenant's", async () => {
    await put({ id: "pump-1" });
    expect(await context.registry.devices.get(TENANT, "pump-2")).toBeNull();
    expect(await context.registry.devices.get("other", "pump-1")).toBeNull();
  });

  it("keeps what an update leaves out, and the time of creation", async () => {
    await addType("pump");
    await put({ id: "pump-1", name: "Well", type: "pump", labels: { site: "north" } });
    const before = await context.registry.devices.get(TENANT, "pump-1");
    context.time.now += 1000;
    await put({ id: "pump-1", labels: { site: "south" } });
    expect(await context.registry.devices.get(TENANT, "pump-1")).toEqual({ ...before, labels: { site: "south" } });
    await put({ id: "pump-1", type: null, labels: {} });
    expect(await context.registry.devices.get(TENANT, "pump-1")).toEqual({ ...before, type: null, labels: {} });
  });

  it("audits a put and tells the device's partition, with a growing revision", async () => {
    await put({ id: "pump-1", labels: { site: "north" } });
    await put({ id: "pump-1", labels: { site: "south" } });
    const [first, second] = await takeControls(context.registry);
    expect(first).toMatchObject({
      key: "acme/pump-1",
      control: { kind: "device", removed: false, device: { id: "pump-1", labels: { site: "north" }, disabled: false } },
    });
    expect(second?.control).toMatchObject({ device: { labels: { site: "south" } } });
    const revisions = [first, second].map((entry) => entry?.control.kind === "device" && entry.control.revision);
    expect(Number(revisions[1])).toBeGreaterThan(Number(revisions[0]));
    expect(await auditTrail(context.registry)).toEqual([
      "device.created device acme/pump-1",
      "device.changed device acme/pump-1 labels",
    ]);
  });

  it("makes neither audit nor control record when nothing changes", async () => {
    await put({ id: "pump-1", labels: { a: "1", b: "2" } });
    await takeControls(context.registry);
    const before = await auditTrail(context.registry);
    await put({ id: "pump-1" });
    await put({ id: "pump-1", labels: { b: "2", a: "1" }, name: "pump-1" });
    expect(await takeControls(context.registry)).toEqual([]);
    expect(await auditTrail(context.registry)).toEqual(before);
  });

  it("audits a new name, but no stage needs to know it", async () => {
    await put({ id: "pump-1" });
    await takeControls(context.registry);
    await put({ id: "pump-1", name: "Well" });
    expect(await takeControls(context.registry)).toEqual([]);
    expect((await auditTrail(context.registry)).at(-1)).toBe("device.changed device acme/pump-1 name");
  });

  it("refuses a type that does not exist, and the whole put with it", async () => {
    const message = await rejection(put({ id: "pump-1" }, { id: "pump-2", type: "pump" }), "INVALID_INPUT");
    expect(message).toContain('device "pump-2": type "pump" does not exist');
    expect(await context.registry.devices.get(TENANT, "pump-1")).toBeNull();
    expect(await takeControls(context.registry)).toEqual([]);
    expect(await auditTrail(context.registry)).toEqual([]);
  });

  it("refuses a type of another tenant", async () => {
    await addType("pump");
    const foreign = context.registry.devices.put([{ tenant: "other", id: "pump-1", type: "pump" }], ACTOR);
    await rejection(foreign, "INVALID_INPUT");
  });

  it("refuses bad ids, long names and a device named twice, naming the device", async () => {
    expect(await rejection(put({ id: "pump 1" }), "INVALID_INPUT")).toContain('"pump 1"');
    expect(await rejection(put({ id: "p", name: "x".repeat(201) }), "INVALID_INPUT")).toContain("name");
    expect(await rejection(put({ id: "p" }, { id: "p" }), "INVALID_INPUT")).toContain("named twice");
    const labels = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`label-${i}`, ""]));
    expect(await rejection(put({ id: "p", labels }), "INVALID_INPUT")).toContain("at most 50 labels");
  });

  it("disables and enables a device once, telling its partition", async () => {
    await put({ id: "pump-1" });
    await takeControls(context.registry);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR);
    expect((await context.registry.devices.get(TENANT, "pump-1"))?.disabled).toBe(true);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: false }, ACTOR);
    const controls = await takeControls(context.registry);
    expect(controls.map(({ control }) => control.kind === "device" && control.device.disabled)).toEqual([true, false]);
    expect((await auditTrail(context.registry)).slice(1)).toEqual([
      "device.disabled device acme/pump-1",
      "device.enabled device acme/pump-1",
    ]);
  });

  it("keeps a disabled device disabled when it is put again", async () => {
    await put({ id: "pump-1" });
    await context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR);
    await put({ id: "pump-1", name: "Well" });
    expect((await context.registry.devices.get(TENANT, "pump-1"))?.disabled).toBe(true);
  });

  it("cannot disable a device that is not there", async () => {
    await rejection(context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR), "NOT_FOUND");
    await rejection(context.registry.devices.change(TENANT, "pump-1", { name: "Back" }, ACTOR), "NOT_FOUND");
    expect(await context.registry.devices.get(TENANT, "pump-1")).toBeNull();
  });
}
