import { describe, expect, it } from "vitest";
import { identifyAdmin, isOriginAllowed } from "../../../dashboard/upgrade-gate.ts";

describe("isOriginAllowed", () => {
  it.each([
    ["a page of the same host", { origin: "http://127.0.0.1:8080", host: "127.0.0.1:8080" }, true],
    ["a page of an allowed origin", { origin: "https://wall.example", host: "127.0.0.1:8080" }, true],
    ["a client that is no browser", { host: "127.0.0.1:8080" }, true],
    ["a foreign page", { origin: "https://evil.example", host: "127.0.0.1:8080" }, false],
    ["a page of another port of the same host", { origin: "http://127.0.0.1:9999", host: "127.0.0.1:8080" }, false],
    ["a page without an origin of its own", { origin: "null", host: "127.0.0.1:8080" }, false],
  ])("decides on %s", (_, headers, expected) => {
    expect(isOriginAllowed(headers, ["https://wall.example"])).toBe(expected);
  });
});

describe("identifyAdmin", () => {
  it("lets an administrator in", async () => {
    const principal = { kind: "admin", tenant: "t", id: "me" } as const;
    await expect(identifyAdmin({}, async () => principal)).resolves.toBe(principal);
  });

  it("refuses nobody with NOT_AUTHENTICATED and a device with NOT_AUTHORIZED", async () => {
    await expect(identifyAdmin({}, async () => null)).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    const device = { kind: "device", tenant: "t", id: "pump" } as const;
    await expect(identifyAdmin({}, async () => device)).rejects.toMatchObject({ code: "NOT_AUTHORIZED" });
  });
});
