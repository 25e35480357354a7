import { beforeEach, expect, it } from "vitest";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import type { DeviceQuery } from "../../../core/registry.ts";
import { ACTOR, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function devicePageCases(context: SuiteContext): void {
  const ids = async (query: Partial<DeviceQuery>) => {
    const { items, next } = await context.registry.devices.list({ tenant: TENANT, limit: 100, ...query });
    return { ids: items.map(({ id }) => id), next };
  };

  beforeEach(async () => {
    const types = ["pump", "room"].map((id) => deviceTypeSchema.parse({ tenant: TENANT, id }));
    const devices = [
      { id: "pump-1", name: "Well 100%", type: "pump" },
      { id: "pump-2", name: "BRÜCKE_süd", type: "pump" },
      { id: "pump-10", name: String.raw`back\slash`, type: "pump" },
      { id: "Room-1", name: "Kühlraum", type: "room" },
      { id: "spare", name: "Well 1000" },
    ];
    await context.registry.config.apply(
      { types, rules: [], devices: devices.map((device) => ({ tenant: TENANT, ...device })) },
      ACTOR,
    );
    await context.registry.devices.put([{ tenant: "other", id: "pump-1" }], ACTOR);
  });

  it("lists a tenant's devices by id, in byte order", async () => {
    expect(await ids({})).toEqual({ ids: ["Room-1", "pump-1", "pump-10", "pump-2", "spare"], next: null });
  });

  it("goes through the pages without repeats or gaps, also when devices come and go", async () => {
    const first = await ids({ limit: 2 });
    expect(first.ids).toEqual(["Room-1", "pump-1"]);
    await context.registry.devices.remove(TENANT, "pump-1", ACTOR);
    await context.registry.devices.put([{ tenant: TENANT, id: "A-new" }], ACTOR);
    const second = await ids({ limit: 2, after: first.next ?? "" });
    expect(second.ids).toEqual(["pump-10", "pump-2"]);
    expect(await ids({ limit: 2, after: second.next ?? "" })).toEqual({ ids: ["spare"], next: null });
  });

  it("has no next page when the last one is exactly full", async () => {
    expect((await ids({ limit: 5 })).next).toBeNull();
  });

  it("finds text in id or name, whatever its case, umlauts included", async () => {
    expect((await ids({ search: "PUMP" })).ids).toEqual(["pump-1", "pump-10", "pump-2"]);
    expect((await ids({ search: "brücke" })).ids).toEqual(["pump-2"]);
    expect((await ids({ search: "KÜHL" })).ids).toEqual(["Room-1"]);
    expect((await ids({ search: "" })).ids).toHaveLength(5);
    expect((await ids({ search: "nowhere" })).ids).toEqual([]);
  });

  it("takes %, _ and backslash in a search for themselves", async () => {
    expect((await ids({ search: "100%" })).ids).toEqual(["pump-1"]);
    expect((await ids({ search: "%" })).ids).toEqual(["pump-1"]);
    expect((await ids({ search: "e_s" })).ids).toEqual(["pump-2"]);
    expect((await ids({ search: "_" })).ids).toEqual(["pump-2"]);
    expect((await ids({ search: "\\" })).ids).toEqual(["pump-10"]);
  });

  it("does not find text across id and name", async () => {
    expect((await ids({ search: "spareWell" })).ids).toEqual([]);
  });

  it("filters by type, together with search and page", async () => {
    expect((await ids({ type: "pump" })).ids).toEqual(["pump-1", "pump-10", "pump-2"]);
    expect((await ids({ type: "pump", search: "well" })).ids).toEqual(["pump-1"]);
    const first = await ids({ type: "pump", limit: 1 });
    expect((await ids({ type: "pump", limit: 1, after: first.next ?? "" })).ids).toEqual(["pump-10"]);
    expect((await ids({ type: "no-such" })).ids).toEqual([]);
  });

  it("refuses a page size out of range, a made-up cursor and an endless search", async () => {
    for (const limit of [0, -1, 1.5, 1001, Number.NaN]) await rejection(ids({ limit }), "INVALID_INPUT");
    for (const after of ["", "pump-1", "WzFd", "e30", "W10"]) await rejection(ids({ after }), "INVALID_INPUT");
    await rejection(ids({ search: "x".repeat(201) }), "INVALID_INPUT");
  });
}
