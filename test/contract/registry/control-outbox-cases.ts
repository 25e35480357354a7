import { expect, it } from "vitest";
import type { ControlRecord } from "../../../core/control.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function controlOutboxCases(context: SuiteContext): void {
  const flush: ControlRecord = { v: 1, kind: "flush", upTo: 5 };

  it("hands entries out in order until they are marked as sent", async () => {
    const { controlOutbox } = context.registry;
    const first = await controlOutbox.enqueue(null, flush, ACTOR);
    const second = await controlOutbox.enqueue("acme/pump-1", { v: 1, kind: "tick" }, ACTOR);
    expect(second).toBeGreaterThan(first);
    expect(await controlOutbox.pending(10)).toEqual([
      { sequence: first, key: null, control: flush },
      { sequence: second, key: "acme/pump-1", control: { v: 1, kind: "tick" } },
    ]);
    expect(await controlOutbox.pending(1)).toHaveLength(1);
    await controlOutbox.markSent(first);
    await controlOutbox.markSent(first);
    expect((await controlOutbox.pending(10)).map(({ sequence }) => sequence)).toEqual([second]);
  });

  it("audits what a person queued", async () => {
    await context.registry.controlOutbox.enqueue(null, flush, ACTOR);
    expect(await auditTrail(context.registry)).toEqual(["control.queued every partition flush"]);
  });

  it("refuses what is no control record", async () => {
    const bad = context.registry.controlOutbox.enqueue(null, { ...flush, upTo: -1 }, ACTOR);
    await rejection(bad, "INVALID_INPUT");
    expect(await context.registry.controlOutbox.pending(1)).toEqual([]);
  });

  it("keeps entries over a restart", async () => {
    const sequence = await context.registry.controlOutbox.enqueue(null, flush, ACTOR);
    await context.registry.close();
    const again = await context.openAnother();
    expect((await again.controlOutbox.pending(1))[0]?.sequence).toBe(sequence);
    expect(await again.controlOutbox.enqueue(null, flush, ACTOR)).toBeGreaterThan(sequence);
  });

  it("is drained at once when there is nothing to send", async () => {
    await context.registry.controlOutbox.drained(0);
  });

  it("waits until everything queued so far is in the log, but not for what comes later", async () => {
    const { controlOutbox } = context.registry;
    const sequence = await controlOutbox.enqueue(null, flush, ACTOR);
    let drained = false;
    const waiting = controlOutbox.drained(10_000).then(() => void (drained = true));
    const settled = controlOutbox.drained(10_000, sequence);
    await controlOutbox.pending(1);
    await context.registry.devices.put([{ tenant: TENANT, id: "later" }], ACTOR);
    expect(drained).toBe(false);
    await controlOutbox.markSent(sequence);
    await Promise.all([waiting, settled]);
    expect(await controlOutbox.pending(10)).toHaveLength(1);
  });

  it("wakes who has seen an empty outbox, also when the entry came while it looked", async () => {
    const { controlOutbox } = context.registry;
    const never = 3_600_000;
    expect(await controlOutbox.pending(1)).toEqual([]);
    const woken = controlOutbox.changed(never);
    await controlOutbox.enqueue(null, flush, ACTOR);
    await woken;
    // Nobody has looked since: that it changed must not be forgotten.
    await controlOutbox.changed(never);
  });

  it("wakes after the time that was asked for and on abort, when nothing changes", async () => {
    const { controlOutbox } = context.registry;
    await controlOutbox.pending(1);
    await controlOutbox.changed(1);
    const stopping = new AbortController();
    await controlOutbox.pending(1);
    const waiting = controlOutbox.changed(3_600_000, stopping.signal);
    stopping.abort();
    await waiting;
    await controlOutbox.changed(3_600_000, stopping.signal);
  });

  it("gives up waiting in time", async () => {
    const { controlOutbox } = context.registry;
    await controlOutbox.enqueue(null, flush, ACTOR);
    expect(await rejection(controlOutbox.drained(30), "TIMED_OUT")).toContain("1 control records");
  });
}
