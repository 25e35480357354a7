import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import type { Registry } from "../../core/registry.ts";
import { startApi } from "../unit/api/api-fixture.ts";

let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  fixture = await startApi();
});
afterAll(() => fixture.close());

const rule = { name: "Too hot", severity: "high", condition: { kind: "threshold", metric: "t", op: ">", value: 80 } };

describe("devices over the API", () => {
  it("are added with a token that the registry knows, found, changed and removed", async () => {
    const { call, registry } = fixture;
    const added = await call("POST", "/api/v1/devices", { body: { id: "d1", name: "Boiler", labels: { hall: "2" } } });
    expect(added.status).toBe(201);
    expect(added.headers.get("location")).toBe("/api/v1/devices/d1");
    expect(added.headers.get("millrace-pending")).toBeNull();
    expect(added.body).toMatchObject({ device: { id: "d1", name: "Boiler", labels: { hall: "2" }, lastSeen: null } });
    const token = tokenOf(added.body);
    expect(await registry.credentials.verify(token)).toMatchObject({ kind: "device", id: "d1" });

    expect((await call("GET", "/api/v1/devices/d1")).body).toMatchObject({ id: "d1", type: null, disabled: false });
    expect((await call("GET", "/api/v1/devices?search=boil&type=")).body).toMatchObject({
      items: [{ id: "d1" }],
      next: null,
    });

    const changed = await call("PATCH", "/api/v1/devices/d1", { body: { name: "Old boiler", disabled: true } });
    expect(changed.body).toMatchObject({ name: "Old boiler", disabled: true, labels: { hall: "2" } });
    expect(await registry.credentials.verify(token)).toBeNull();

    expect((await call("DELETE", "/api/v1/devices/d1")).status).toBe(204);
    expect((await call("GET", "/api/v1/devices/d1")).body).toMatchObject({ code: "NOT_FOUND", status: 404 });
  });

  it("leave control records in the log before the answer comes", async () => {
    const { call, controls } = fixture;
    await call("POST", "/api/v1/devices", { body: { id: "noted" } });
    expect(controls).toContainEqual(
      expect.objectContaining({ kind: "device", device: expect.objectContaining({ id: "noted" }) }),
    );
    await call("DELETE", "/api/v1/devices/noted");
    expect(controls).toContainEqual(
      expect.objectContaining({ kind: "device", removed: true, device: expect.objectContaining({ id: "noted" }) }),
    );
  });

  it("are made once when several ask at the same time", async () => {
    const wrap = (registry: Registry): Registry => {
      const get = async (tenant: string, id: string) => {
        const device = await registry.devices.get(tenant, id);
        // A registry on another machine: all ask before the first one writes.
        await sleep(30);
        return device;
      };
      return { ...registry, devices: { ...registry.devices, get } };
    };
    const { call, close } = await startApi({ wrap });
    onTestFinished(close);
    const answers = await Promise.all([1, 2, 3].map(() => call("POST", "/api/v1/devices", { body: { id: "twice" } })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2);
  });

  it("are refused when they exist already", async () => {
    const { call } = fixture;
    expect((await call("POST", "/api/v1/devices", { body: { id: "twice" } })).status).toBe(201);
    const again = await call("POST", "/api/v1/devices", { body: { id: "twice", name: "other" } });
    expect(again.body).toMatchObject({ code: "ALREADY_EXISTS", remedy: expect.stringContaining("PATCH") });
    expect((await call("GET", "/api/v1/devices/twice")).body).toMatchObject({
      name: expect.not.stringContaining("other"),
    });
  });

  it.each(["GET", "PATCH", "DELETE"])("that are not there answer %s with 404", async (method) => {
    const answer = await fixture.call(method, "/api/v1/devices/nobody", method === "PATCH" ? { body: {} } : {});
    expect(answer.body).toMatchObject({ code: "NOT_FOUND", status: 404 });
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  });

  it("get a new token that ends the old one", async () => {
    const { call, registry } = fixture;
    const old = tokenOf((await call("POST", "/api/v1/devices", { body: { id: "rotated" } })).body);
    const fresh = tokenOf((await call("POST", "/api/v1/devices/rotated/token")).body);
    expect(await registry.credentials.verify(old)).toBeNull();
    expect(await registry.credentials.verify(fresh)).toMatchObject({ id: "rotated" });
    expect((await call("POST", "/api/v1/devices/nobody/token")).body).toMatchObject({ code: "NOT_FOUND" });
  });

  it("come in pages that together hold each one once", async () => {
    const { call } = fixture;
    const devices = Array.from({ length: 25 }, (_, n) => ({ id: `page-${String(n).padStart(2, "0")}` }));
    expect((await call("POST", "/api/v1/devices/import", { body: { devices } })).body).toMatchObject({
      created: 25,
    });
    const seen: string[] = [];
    for (let after: string | null = ""; after !== null;) {
      const query: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const page: Page = asPage((await call("GET", `/api/v1/devices?search=page-&limit=10${query}`)).body);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    }
    expect(seen).toEqual(devices.map(({ id }) => id));
  });

  it("are imported once: the same file again changes nothing", async () => {
    const { call, registry } = fixture;
    const body = { devices: [{ id: "i1", token: "A1_TEST_TOKEN" }, { id: "i2" }] };
    expect((await call("POST", "/api/v1/devices/import", { body })).body).toEqual({
      created: 2,
      changed: 0,
      unchanged: 0,
    });
    expect(await registry.credentials.verify("A1_TEST_TOKEN")).toMatchObject({ id: "i1" });
    expect((await call("POST", "/api/v1/devices/import", { body })).body).toMatchObject({ created: 0, unchanged: 2 });
    const bad = { devices: [{ id: "i3" }, { id: "not an id" }] };
    expect((await call("POST", "/api/v1/devices/import", { body: bad })).body).toMatchObject({
      code: "INVALID_INPUT",
      errors: [{ in: "body", path: "devices.1.id" }],
    });
    expect((await call("GET", "/api/v1/devices/i3")).status).toBe(404);
  });
});

describe("rules and types over the API", () => {
  it("has reference tables that are put, listed, read and removed", async () => {
    const { call, controls } = fixture;
    const rows = { early: { from: 6, to: 14 }, late: [14, 22] };
    const put = await call("PUT", "/api/v1/tables/shifts", { body: { rows } });
    expect(put).toMatchObject({ status: 200, body: { id: "shifts", rows } });
    expect((await call("GET", "/api/v1/tables")).body).toEqual({ items: [{ id: "shifts", rows: 2 }] });
    expect((await call("GET", "/api/v1/tables/shifts")).body).toMatchObject({ rows });
    expect(controls).toContainEqual(expect.objectContaining({ kind: "reference-table", removed: false }));
    const tooLarge = { rows: { a: "x".repeat(LIMITS.referenceTableCharactersMax) } };
    expect((await call("PUT", "/api/v1/tables/large", { body: tooLarge })).body).toMatchObject({
      code: "INVALID_INPUT",
    });
    expect((await call("DELETE", "/api/v1/tables/shifts")).status).toBe(204);
    expect((await call("GET", "/api/v1/tables/shifts")).body).toMatchObject({ code: "NOT_FOUND" });
    expect((await call("DELETE", "/api/v1/tables/shifts")).body).toMatchObject({ code: "NOT_FOUND" });
  });

  it("are put, listed and removed", async () => {
    const { call, controls } = fixture;
    const put = await call("PUT", "/api/v1/rules/hot", { body: rule });
    expect(put).toMatchObject({ status: 200, body: { id: "hot", enabled: true, onDelayMs: 0 } });
    expect((await call("GET", "/api/v1/rules")).body).toEqual({ items: [put.body] });
    // What was read can be sent back as it is.
    expect((await call("PUT", "/api/v1/rules/hot", { body: put.body })).body).toEqual(put.body);
    expect(controls.filter(({ kind }) => kind === "alarm-rule")).toHaveLength(1);
    expect((await call("DELETE", "/api/v1/rules/hot")).status).toBe(204);
    expect((await call("GET", "/api/v1/rules")).body).toEqual({ items: [] });

    const type = await call("PUT", "/api/v1/types/boiler", { body: { metrics: { t: { unit: "°C", max: 120 } } } });
    expect(type).toMatchObject({ status: 200, body: { id: "boiler", windowMs: [60_000] } });
    expect((await call("GET", "/api/v1/types")).body).toEqual({ items: [type.body] });
    expect((await call("DELETE", "/api/v1/types/boiler")).status).toBe(204);
  });

  it("are refused with what is allowed when they are not valid", async () => {
    const { call } = fixture;
    const wrong = await call("PUT", "/api/v1/rules/hot", { body: { ...rule, severity: "terrible" } });
    expect(wrong.body).toMatchObject({
      code: "INVALID_INPUT",
      errors: [{ in: "body", path: "severity", message: expect.stringContaining('"critical"') }],
    });
    expect((await call("PUT", "/api/v1/rules/hot", { body: { ...rule, id: "cold" } })).body).toMatchObject({
      code: "INVALID_INPUT",
    });
    expect((await call("DELETE", "/api/v1/rules/nothing")).body).toMatchObject({ code: "NOT_FOUND" });
    expect((await call("DELETE", "/api/v1/types/nothing")).body).toMatchObject({ code: "NOT_FOUND" });
  });

  it("are applied all or none", async () => {
    const { call } = fixture;
    const document = {
      types: [{ id: "pump" }],
      rules: [{ ...rule, id: "applied" }],
      devices: [{ tenant: "another", id: "p1", type: "pump" }],
    };
    expect((await call("POST", "/api/v1/apply", { body: document })).body).toEqual({
      created: 3,
      changed: 0,
      unchanged: 0,
    });
    expect((await call("POST", "/api/v1/apply", { body: document })).body).toEqual({
      created: 0,
      changed: 0,
      unchanged: 3,
    });
    expect((await call("GET", "/api/v1/devices/p1")).body).toMatchObject({
      type: "pump",
      tenant: expect.not.stringContaining("another"),
    });
    const unknownType = { devices: [{ id: "p2" }, { id: "p3", type: "nothing" }] };
    expect((await call("POST", "/api/v1/apply", { body: unknownType })).status).toBeGreaterThanOrEqual(400);
    expect((await call("GET", "/api/v1/devices/p2")).status).toBe(404);
  });
});

describe("the rest of the API", () => {
  it("gives overview, ledger, alarms, audit log and notification counts", async () => {
    const { call } = fixture;
    expect((await call("GET", "/api/v1/overview")).body).toMatchObject({
      hops: [{ name: "in" }],
      faults: [{ id: "disk" }],
    });
    expect((await call("GET", "/api/v1/ledger")).body).toMatchObject({ messages: { admitted: 3, difference: 0 } });
    expect((await call("GET", "/api/v1/audit")).body).toMatchObject({ balanced: true, mismatches: [] });
    expect((await call("GET", "/api/v1/alarms?active=true&limit=5")).body).toEqual({ items: [], next: null });
    expect((await call("GET", "/api/v1/alarms?active=perhaps")).body).toMatchObject({ code: "INVALID_INPUT" });
    const audit = await call("GET", "/api/v1/audit-log?limit=1");
    expect(audit.body).toMatchObject({ items: [{ actor: "first" }] });
    expect((await call("GET", "/api/v1/audit-log?limit=0")).body).toMatchObject({ code: "INVALID_INPUT" });
    expect((await call("GET", "/api/v1/notifications")).body).toEqual({ pending: 0, delivered: 0, failed: 0 });
  });

  it("says where devices connect, and which do", async () => {
    const { call } = fixture;
    expect((await call("GET", "/api/v1/mqtt")).body).toEqual({ port: 1883, connections: 2 });
    const asked = await call("POST", "/api/v1/mqtt/connected", { body: { devices: ["here", "away"] } });
    expect(asked.body).toEqual({ devices: ["here"] });
    expect((await call("POST", "/api/v1/mqtt/connected", { body: { devices: ["a/b"] } })).status).toBe(400);
  });

  it("flushes every device up to a time, but not into the future", async () => {
    const { call, controls } = fixture;
    const upTo = Date.UTC(2017, 2, 1);
    expect(await call("POST", "/api/v1/flush", { body: { upTo } })).toMatchObject({ status: 202, body: { upTo } });
    expect(controls).toContainEqual({ v: 1, kind: "flush", upTo });
    for (const late of [Date.now() + LIMITS.eventTimeAheadMsMax + 60_000, Number.MAX_SAFE_INTEGER]) {
      expect((await call("POST", "/api/v1/flush", { body: { upTo: late } })).body).toMatchObject({
        code: "INVALID_INPUT",
        detail: expect.stringContaining("in the future"),
        remedy: "Name a time that has passed.",
      });
    }
    expect((await call("POST", "/api/v1/flush", { body: {} })).body).toMatchObject({ errors: [{ path: "upTo" }] });
  });

  it("flushes the devices that are named, each once, and refuses one that is not there and too many", async () => {
    const { call, controls } = fixture;
    for (const id of ["flushed-1", "flushed-2"]) await call("POST", "/api/v1/devices", { body: { id } });
    const flush = (devices: unknown) => call("POST", "/api/v1/flush", { body: { upTo: 5, devices } });
    expect((await flush(["flushed-1", "flushed-2", "flushed-1"])).status).toBe(202);
    expect(controls).toContainEqual({
      v: 1,
      kind: "flush",
      upTo: 5,
      devices: ["default/flushed-1", "default/flushed-2"],
    });
    expect((await flush(["flushed-1", "nobody"])).body).toMatchObject({ code: "NOT_FOUND" });
    const tooMany = Array.from({ length: LIMITS.flushDevicesMax + 1 }, () => "flushed-1");
    for (const devices of [[], tooMany, ["a b"], "flushed-1"]) {
      expect((await flush(devices)).body).toMatchObject({ code: "INVALID_INPUT" });
    }
  });
});

interface Page {
  readonly items: readonly { readonly id: string }[];
  readonly next: string | null;
}

function asPage(body: unknown): Page {
  if (typeof body !== "object" || body === null || !("items" in body) || !("next" in body))
    throw new Error("not a page");
  const items = Array.isArray(body.items) ? body.items.map((item: { id: string }) => ({ id: item.id })) : [];
  return { items, next: typeof body.next === "string" ? body.next : null };
}

function tokenOf(body: unknown): string {
  if (typeof body === "object" && body !== null && "token" in body && typeof body.token === "string") return body.token;
  throw new Error("no token in the answer");
}
