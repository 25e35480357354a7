import { expect, it } from "vitest";
import { ACTOR, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function auditCases(context: SuiteContext): void {
  it("tells when, who, what and to what, newest first", async () => {
    await context.registry.audit.record("boss", "retention.changed", "topic readings", "7 d");
    context.time.now += 5;
    await context.registry.devices.put([{ tenant: TENANT, id: "a" }], ACTOR);
    const { items, next } = await context.registry.audit.list({ limit: 10 });
    expect(next).toBeNull();
    expect(items).toEqual([
      { at: context.time.now, actor: ACTOR, action: "device.created", target: "device acme/a", detail: "" },
      {
        at: context.time.now - 5,
        actor: "boss",
        action: "retention.changed",
        target: "topic readings",
        detail: "7 d",
      },
    ]);
  });

  it("goes back page by page, undisturbed by what is new", async () => {
    for (const n of [1, 2, 3]) await context.registry.audit.record(ACTOR, `step-${n}`, "x", "");
    const first = await context.registry.audit.list({ limit: 2 });
    await context.registry.audit.record(ACTOR, "step-4", "x", "");
    const second = await context.registry.audit.list({ limit: 2, after: first.next ?? "" });
    expect([...first.items, ...second.items].map(({ action }) => action)).toEqual(["step-3", "step-2", "step-1"]);
    expect(second.next).toBeNull();
  });

  it("refuses a made-up cursor and a page size out of range", async () => {
    await rejection(context.registry.audit.list({ limit: 2, after: "WyJhIl0" }), "INVALID_INPUT");
    await rejection(context.registry.audit.list({ limit: 5000 }), "INVALID_INPUT");
  });
}
