import { beforeEach, expect, it } from "vitest";
import { ACTOR, auditTrail, rejection, type SuiteContext, TENANT } from "./registry-stand.ts";

export function credentialCases(context: SuiteContext): void {
  const issue = (revokeOlder: boolean) =>
    context.registry.credentials.issueDeviceToken(TENANT, "pump-1", revokeOlder, ACTOR);
  const verify = (token: string) => context.registry.credentials.verify(token);
  const principal = { kind: "device", tenant: TENANT, id: "pump-1" };

  beforeEach(() => context.registry.devices.put([{ tenant: TENANT, id: "pump-1" }], ACTOR));

  it("knows whom a token speaks for", async () => {
    const token = await issue(false);
    expect(token).toMatch(/^mr_d_[A-Za-z0-9_-]{43}$/);
    expect(await verify(token)).toEqual(principal);
  });

  it("knows nobody by any other text", async () => {
    const token = await issue(false);
    for (const other of ["", token.slice(0, -1), `${token}x`, token.toUpperCase(), "\u0000", "x".repeat(1_000_000)]) {
      expect(await verify(other)).toBeNull();
    }
  });

  it("never makes the same token twice", async () => {
    expect(new Set([await issue(false), await issue(false), await issue(false)]).size).toBe(3);
  });

  it("accepts several tokens of a device until the older ones are revoked", async () => {
    const first = await issue(false);
    const second = await issue(false);
    expect([await verify(first), await verify(second)]).toEqual([principal, principal]);
    const third = await issue(true);
    expect([await verify(first), await verify(second), await verify(third)]).toEqual([null, null, principal]);
  });

  it("refuses the token of a disabled device until it is enabled again", async () => {
    const token = await issue(false);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR);
    expect(await verify(token)).toBeNull();
    await context.registry.devices.change(TENANT, "pump-1", { disabled: false }, ACTOR);
    expect(await verify(token)).toEqual(principal);
  });

  it("issues no token for a device that is not there", async () => {
    await rejection(context.registry.credentials.issueDeviceToken(TENANT, "pump-2", false, ACTOR), "NOT_FOUND");
    await rejection(context.registry.credentials.issueDeviceToken("other", "pump-1", false, ACTOR), "NOT_FOUND");
  });

  it("has no admin token until one is issued", async () => {
    await issue(false);
    expect(await context.registry.credentials.hasAdminToken()).toBe(false);
    const token = await context.registry.credentials.issueAdminToken("ops", ACTOR);
    expect(await context.registry.credentials.hasAdminToken()).toBe(true);
    expect(token).toMatch(/^mr_a_/);
    expect(await verify(token)).toEqual({ kind: "admin", tenant: "default", id: "ops" });
  });

  it("puts a new admin token in the place of the one of the same name", async () => {
    const ops = await context.registry.credentials.issueAdminToken("ops", ACTOR);
    const dev = await context.registry.credentials.issueAdminToken("dev", ACTOR);
    const again = await context.registry.credentials.issueAdminToken("ops", ACTOR);
    expect([await verify(ops), (await verify(dev))?.id, (await verify(again))?.id]).toEqual([null, "dev", "ops"]);
    await rejection(context.registry.credentials.issueAdminToken("not an id", ACTOR), "INVALID_INPUT");
  });

  it("tells after the commit whose credentials no longer hold, and only then", async () => {
    const told: (readonly string[])[] = [];
    context.registry.onRevoked((keys) => void told.push(keys));
    await issue(false);
    await issue(true);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: true }, ACTOR);
    await context.registry.devices.change(TENANT, "pump-1", { disabled: false }, ACTOR);
    await context.registry.devices.remove(TENANT, "pump-1", ACTOR);
    await rejection(context.registry.devices.remove(TENANT, "pump-1", ACTOR), "NOT_FOUND");
    expect(told).toEqual([["acme/pump-1"], ["acme/pump-1"], ["acme/pump-1"]]);
  });

  it("has already committed when it tells", async () => {
    const token = await issue(false);
    const seen: Promise<unknown>[] = [];
    context.registry.onRevoked(() => void seen.push(verify(token)));
    await issue(true);
    expect(await Promise.all(seen)).toEqual([null]);
  });

  it("audits that a token was issued, without the token", async () => {
    const tokens = [
      await issue(false),
      await issue(true),
      await context.registry.credentials.issueAdminToken("ops", ACTOR),
    ];
    const trail = await auditTrail(context.registry);
    expect(trail.slice(1)).toEqual([
      "token.issued device acme/pump-1",
      "token.issued device acme/pump-1 1 older revoked",
      "token.issued admin ops",
    ]);
    for (const token of tokens) expect(trail.join("\n")).not.toContain(token);
  });
}
