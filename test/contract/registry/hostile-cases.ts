import { expect, it } from "vitest";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { alarmEvent } from "./alarm-event.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

const INJECTIONS = ["'; drop table devices; --", '" or 1=1 --', "x') union select hmac from credentials --", "?1"];

export function hostileCases(context: SuiteContext): void {
  it("takes SQL in texts for text", async () => {
    const { registry } = context;
    for (const [n, text] of INJECTIONS.entries()) {
      await registry.devices.put([{ tenant: TENANT, id: `d${n}`, name: text, labels: { note: text } }], text);
      expect(await registry.devices.get(TENANT, `d${n}`)).toMatchObject({ name: text, labels: { note: text } });
      expect((await registry.devices.list({ tenant: TENANT, search: text, limit: 10 })).items).toHaveLength(1);
      expect(await registry.devices.get(TENANT, text)).toBeNull();
      expect((await registry.devices.list({ tenant: text, type: text, limit: 10 })).items).toEqual([]);
      expect(await registry.credentials.verify(text)).toBeNull();
      await registry.audit.record(text, text, text, text);
    }
    const { items } = await registry.devices.list({ tenant: TENANT, limit: 10 });
    expect(items).toHaveLength(INJECTIONS.length);
    expect((await registry.audit.list({ limit: 100 })).items).toHaveLength(INJECTIONS.length * 2);
  });

  it("refuses U+0000 and half characters in names and searches, and replaces them in what machines write", async () => {
    const { registry } = context;
    for (const text of ["a\u0000b", "a\uD800b"]) {
      await rejection(registry.devices.put([{ tenant: TENANT, id: "d", name: text }], ACTOR), "INVALID_INPUT");
      await rejection(registry.devices.list({ tenant: TENANT, search: text, limit: 10 }), "INVALID_INPUT");
      expect(await registry.devices.get(TENANT, text)).toBeNull();
      expect(await registry.credentials.verify(text)).toBeNull();
      await registry.audit.record(text, "a", "t", text);
      await registry.devices.put([{ tenant: TENANT, id: "d", labels: { note: text } }], ACTOR);
      expect((await registry.devices.get(TENANT, "d"))?.labels).toEqual({ note: text });
      const event = alarmEvent({ id: text === "a\u0000b" ? "a1" : "a2", message: text });
      await registry.alarms.applyEvents([event], {});
    }
    const messages = (await registry.alarms.list({ tenant: TENANT, limit: 10 })).items.map(({ message }) => message);
    expect(messages).toEqual(["a\uFFFDb", "a\uFFFDb"]);
    expect((await registry.audit.list({ limit: 100 })).items.filter(({ actor }) => actor === "a\uFFFDb")).toHaveLength(
      2,
    );
  });

  it("refuses __proto__ as a label and as a metric instead of losing it", async () => {
    const { registry } = context;
    const labels = { ["__proto__"]: "polluted" };
    const message = await rejection(
      registry.devices.put([{ tenant: TENANT, id: "d", labels }], ACTOR),
      "INVALID_INPUT",
    );
    expect(message).toContain("__proto__");
    const base = deviceTypeSchema.parse({ tenant: TENANT, id: "x" });
    const metrics = { ["__proto__"]: { unit: "", kind: "number" as const } };
    const types = [{ ...base, metrics }];
    await rejection(registry.config.apply({ types, rules: [], devices: [] }, ACTOR), "INVALID_INPUT");
    expect(await takeControls(registry)).toEqual([]);
    expect(await auditTrail(registry)).toEqual([]);
    expect("polluted" in {}).toBe(false);
  });

  it("keeps labels that are named like parts of every object", async () => {
    const labels = { constructor: "a", toString: "b", hasOwnProperty: "c" };
    await context.registry.devices.put([{ tenant: TENANT, id: "d", labels }], ACTOR);
    expect((await context.registry.devices.get(TENANT, "d"))?.labels).toEqual(labels);
    const [entry] = await takeControls(context.registry);
    expect(entry?.control).toMatchObject({ device: { labels } });
  });
}
