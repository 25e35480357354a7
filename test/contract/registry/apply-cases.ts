import { expect, it } from "vitest";
import { type AlarmRule, alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { type DeviceType, deviceTypeSchema } from "../../../core/device-type.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { ConfigDocument } from "../../../core/registry.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

function type(id: string, fields: object = {}): DeviceType {
  return deviceTypeSchema.parse({ tenant: TENANT, id, ...fields });
}

function rule(id: string, fields: object = {}): AlarmRule {
  const condition = { kind: "threshold", metric: "t", op: ">", value: 8 };
  return alarmRuleSchema.parse({ tenant: TENANT, id, name: id, severity: "high", condition, ...fields });
}

export function applyCases(context: SuiteContext): void {
  const apply = (document: Partial<ConfigDocument>) =>
    context.registry.config.apply({ types: [], rules: [], devices: [], ...document }, ACTOR);
  const device = (id: string, fields: object = {}) => ({ tenant: TENANT, id, ...fields });

  it("creates types, devices and rules that refer to each other", async () => {
    const types = [type("room", { metrics: { t: { unit: "°C", min: -40 } } })];
    const rules = [rule("warm", { select: { type: "room", labels: { site: "north" } } })];
    const summary = await apply({ types, rules, devices: [device("room-1", { type: "room" })] });
    expect(summary).toEqual({ created: 3, changed: 0, unchanged: 0 });
    expect(await context.registry.config.types(TENANT)).toEqual(types);
    expect(await context.registry.config.rules(TENANT)).toEqual(rules);
    expect((await context.registry.devices.get(TENANT, "room-1"))?.type).toBe("room");
    expect(await context.registry.config.types("other")).toEqual([]);
  });

  it("tells every partition of types and rules, and the device's own of a device", async () => {
    await apply({ types: [type("room")], rules: [rule("warm")], devices: [device("room-1", { type: "room" })] });
    const entries = await takeControls(context.registry);
    expect(entries.map(({ key, control }) => [key, control.kind])).toEqual([
      [null, "device-type"],
      ["acme/room-1", "device"],
      [null, "alarm-rule"],
    ]);
    expect(await auditTrail(context.registry)).toEqual([
      "type.created type acme/room",
      "device.created device acme/room-1",
      "rule.created rule acme/warm",
    ]);
  });

  it("leaves alone what is the same, whatever the order of its keys", async () => {
    const document = { types: [type("room", { metrics: { a: {}, b: {} } })], rules: [rule("warm"), rule("cold")] };
    await apply(document);
    await takeControls(context.registry);
    const before = await auditTrail(context.registry);
    const again = { types: [type("room", { metrics: { b: {}, a: {} } })], rules: document.rules };
    expect(await apply(again)).toEqual({ created: 0, changed: 0, unchanged: 3 });
    expect(await takeControls(context.registry)).toEqual([]);
    expect(await auditTrail(context.registry)).toEqual(before);
  });

  it("replaces what differs, with a higher revision", async () => {
    await apply({ rules: [rule("warm")] });
    const summary = await apply({ rules: [rule("warm", { severity: "low" }), rule("cold")] });
    expect(summary).toEqual({ created: 1, changed: 1, unchanged: 0 });
    expect((await context.registry.config.rules(TENANT)).map(({ id, severity }) => [id, severity])).toEqual([
      ["cold", "high"],
      ["warm", "low"],
    ]);
    const revisions = (await takeControls(context.registry)).map(
      ({ control }) => control.kind === "alarm-rule" && control.rule.id === "warm" && control.revision,
    );
    expect(Number(revisions[1])).toBeGreaterThan(Number(revisions[0]));
  });

  it("sets what a declared device leaves out to its default, except that it stays disabled", async () => {
    await apply({ devices: [device("d", { name: "Well", labels: { a: "b" } })] });
    await context.registry.devices.change(TENANT, "d", { disabled: true }, ACTOR);
    await apply({ devices: [device("d")] });
    expect(await context.registry.devices.get(TENANT, "d")).toMatchObject({ name: "d", labels: {}, disabled: true });
  });

  it("writes nothing at all when its last item is wrong", async () => {
    const rules = [rule("warm"), rule("broken", { select: { type: "no-such" } })];
    const message = await rejection(
      apply({ types: [type("room")], devices: [device("room-1", { type: "room" })], rules }),
      "INVALID_INPUT",
    );
    expect(message).toContain('rule "broken": select.type "no-such" does not exist');
    expect(await context.registry.config.types(TENANT)).toEqual([]);
    expect(await context.registry.config.rules(TENANT)).toEqual([]);
    expect(await context.registry.devices.get(TENANT, "room-1")).toBeNull();
    expect(await takeControls(context.registry)).toEqual([]);
    expect(await auditTrail(context.registry)).toEqual([]);
  });

  it("names the item that is wrong and why", async () => {
    const unknown = await rejection(apply({ devices: [device("d", { type: "pmup" })] }), "INVALID_INPUT");
    expect(unknown).toContain('device "d": type "pmup" does not exist');
    const twice = await rejection(apply({ rules: [rule("warm"), rule("warm")] }), "INVALID_INPUT");
    expect(twice).toBe('rule 2 ("warm"): named twice');
    const range = await rejection(
      apply({ types: [type("x", { metrics: { t: { min: 2, max: 1 } } })] }),
      "INVALID_INPUT",
    );
    expect(range).toContain('type "x": metric "t": min 2 is above max 1');
    const shape = await rejection(apply({ rules: [{ ...rule("warm"), onDelayMs: -1 }] }), "INVALID_INPUT");
    expect(shape).toContain('rule 1 ("warm"): onDelayMs');
  });

  it("keeps to the ceiling of rules per tenant", async () => {
    const rules = Array.from({ length: LIMITS.rulesPerTenantMax }, (_, i) => rule(`rule-${i}`));
    expect((await apply({ rules })).created).toBe(LIMITS.rulesPerTenantMax);
    const message = await rejection(apply({ rules: [rule("one-more")] }), "INVALID_INPUT");
    expect(message).toContain(`at most ${LIMITS.rulesPerTenantMax}`);
    expect(await context.registry.config.rules(TENANT)).toHaveLength(LIMITS.rulesPerTenantMax);
    expect((await apply({ rules: [{ ...rule("of-other"), tenant: "other" }] })).created).toBe(1);
  });

  it("takes a rule back and tells every partition", async () => {
    await apply({ rules: [rule("warm")] });
    await takeControls(context.registry);
    await context.registry.config.removeRule(TENANT, "warm", ACTOR);
    expect(await context.registry.config.rules(TENANT)).toEqual([]);
    const [entry] = await takeControls(context.registry);
    expect(entry).toMatchObject({ key: null, control: { kind: "alarm-rule", removed: true, rule: { id: "warm" } } });
    expect((await auditTrail(context.registry)).at(-1)).toBe("rule.removed rule acme/warm");
  });

  it("keeps reference tables, whole, and tells every partition of them", async () => {
    const shifts = { tenant: TENANT, id: "shifts", rows: { early: { from: 6, to: 14 }, late: { from: 14, to: 22 } } };
    expect(await apply({ tables: [shifts] })).toEqual({ created: 1, changed: 0, unchanged: 0 });
    expect(
      await apply({ tables: [{ ...shifts, rows: { late: { to: 22, from: 14 }, early: { to: 14, from: 6 } } }] }),
    ).toEqual({
      created: 0,
      changed: 0,
      unchanged: 1,
    });
    expect(await context.registry.config.tables(TENANT)).toEqual([shifts]);
    expect(await context.registry.config.tables("other")).toEqual([]);
    await apply({ tables: [{ ...shifts, rows: { night: 1 } }] });
    await context.registry.config.removeTable(TENANT, "shifts", ACTOR);
    await rejection(context.registry.config.removeTable(TENANT, "shifts", ACTOR), "NOT_FOUND");
    const entries = await takeControls(context.registry);
    expect(entries.map(({ key, control }) => [key, control])).toEqual([
      [null, expect.objectContaining({ kind: "reference-table", removed: false, table: shifts })],
      [
        null,
        expect.objectContaining({ kind: "reference-table", removed: false, table: { ...shifts, rows: { night: 1 } } }),
      ],
      [
        null,
        expect.objectContaining({ kind: "reference-table", removed: true, table: { ...shifts, rows: { night: 1 } } }),
      ],
    ]);
    expect(await auditTrail(context.registry)).toEqual([
      "table.created table acme/shifts",
      "table.changed table acme/shifts",
      "table.removed table acme/shifts",
    ]);
  });

  it("refuses reference tables that are too large, or too many", async () => {
    const table = (id: string, rows: object) => ({ tenant: TENANT, id, rows: { ...rows } });
    const large = table("large", { a: "x".repeat(LIMITS.referenceTableCharactersMax) });
    expect(await rejection(apply({ tables: [large] }), "INVALID_INPUT")).toMatch(/at most 65536 characters/);
    const many = Array.from({ length: LIMITS.referenceTablesPerTenantMax + 1 }, (_, index) => table(`t${index}`, {}));
    expect(await rejection(apply({ tables: many }), "INVALID_INPUT")).toMatch(/17 reference tables; at most 16/);
    expect(await context.registry.config.tables(TENANT)).toEqual([]);
  });

  it("cannot take back what is not there", async () => {
    await apply({ types: [type("room")], rules: [rule("warm")] });
    await rejection(context.registry.config.removeRule(TENANT, "cold", ACTOR), "NOT_FOUND");
    await rejection(context.registry.config.removeRule("other", "warm", ACTOR), "NOT_FOUND");
    await rejection(context.registry.config.removeType(TENANT, "pump", ACTOR), "NOT_FOUND");
  });

  it("removes a type only when no device and no rule uses it", async () => {
    const rules = [rule("warm", { select: { type: "room" } })];
    await apply({ types: [type("room")], rules, devices: [device("room-1", { type: "room" })] });
    const message = await rejection(context.registry.config.removeType(TENANT, "room", ACTOR), "INVALID_INPUT");
    expect(message).toBe('type "room" is used by 1 device and the rules warm');
    await context.registry.devices.remove(TENANT, "room-1", ACTOR);
    await context.registry.config.removeRule(TENANT, "warm", ACTOR);
    await context.registry.config.removeType(TENANT, "room", ACTOR);
    expect(await context.registry.config.types(TENANT)).toEqual([]);
    expect((await takeControls(context.registry)).at(-1)?.control).toMatchObject({
      kind: "device-type",
      removed: true,
    });
  });
}
