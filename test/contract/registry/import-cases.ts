import { expect, it } from "vitest";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

const LIVENESS_MS = 20_000;

export function importCases(context: SuiteContext): void {
  const run = (...devices: { id: string; name?: string; token?: string }[]) =>
    context.registry.importDevices(
      devices.map((device) => ({ tenant: TENANT, ...device })),
      ACTOR,
    );
  const verify = async (token: string) => (await context.registry.credentials.verify(token))?.id;

  it("takes over devices with the tokens that their firmware has", async () => {
    const summary = await run({ id: "a", token: "A1_TEST_TOKEN" }, { id: "b" });
    expect(summary).toEqual({ created: 2, changed: 0, unchanged: 0, tokens: 1 });
    expect(await verify("A1_TEST_TOKEN")).toBe("a");
    expect(await auditTrail(context.registry)).toEqual([
      "device.created device acme/a",
      "device.created device acme/b",
      "token.imported device acme/a",
    ]);
  });

  it("changes nothing when it is run again, and leaves other tokens alone", async () => {
    await run({ id: "a", token: "A1_TEST_TOKEN" });
    const own = await context.registry.credentials.issueDeviceToken(TENANT, "a", false, ACTOR);
    await takeControls(context.registry);
    expect(await run({ id: "a", token: "A1_TEST_TOKEN" })).toMatchObject({ unchanged: 1, tokens: 0 });
    expect(await takeControls(context.registry)).toEqual([]);
    expect([await verify(own), await verify("A1_TEST_TOKEN")]).toEqual(["a", "a"]);
  });

  it("does not take a token away from another device, and imports nothing then", async () => {
    await run({ id: "a", token: "A1_TEST_TOKEN" });
    const message = await rejection(run({ id: "b" }, { id: "c", token: "A1_TEST_TOKEN" }), "ALREADY_EXISTS");
    expect(message).toContain('"c"');
    expect(message).not.toContain("A1_TEST");
    expect(await context.registry.devices.get(TENANT, "b")).toBeNull();
    expect(await verify("A1_TEST_TOKEN")).toBe("a");
  });

  it("refuses short, long and unprintable tokens, and one for two devices", async () => {
    for (const token of ["", "1234567", "x".repeat(257), "with blank", "umläut-token", "line\nbreak"]) {
      await rejection(run({ id: "a", token }), "INVALID_INPUT");
    }
    await rejection(run({ id: "a", token: "same-token" }, { id: "b", token: "same-token" }), "INVALID_INPUT");
  });

  it(
    "imports ten thousand devices at once",
    async () => {
      const devices = Array.from({ length: 10_000 }, (_, i) => ({ id: `device-${i}`, token: `given-token-${i}` }));
      expect(await run(...devices)).toMatchObject({ created: 10_000, tokens: 10_000 });
      expect(await verify("given-token-9999")).toBe("device-9999");
      const entries = await context.registry.controlOutbox.pending(20_000);
      expect(new Set(entries.map(({ key }) => key)).size).toBe(10_000);
      await context.registry.touch(new Map(devices.map(({ id }, i) => [`acme/${id}`, i])));
      expect((await context.registry.devices.get(TENANT, "device-777"))?.lastSeen).toBe(777);
    },
    LIVENESS_MS,
  );
}
