import { IncomingMessage, type IncomingHttpHeaders } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { bearerToken, createGate } from "../../../api/gate.ts";
import { isLocalRequest, isSameOrigin } from "../../../api/same-origin.ts";
import { createSessions } from "../../../api/sessions.ts";
import { systemClock } from "../../../core/clock.ts";
import type { Principal } from "../../../core/registry.ts";

const admin: Principal = { kind: "admin", tenant: "t", id: "first" };
const device: Principal = { kind: "device", tenant: "t", id: "d1" };
const host = "127.0.0.1:8080";
const own = "http://127.0.0.1:8080";

function gateFixture() {
  const sessions = createSessions(systemClock);
  const tokens: Readonly<Record<string, Principal>> = { good: admin, device };
  const gate = createGate(sessions, async (token) => (Object.hasOwn(tokens, token) ? (tokens[token] ?? null) : null));
  const cookie = `millrace_session=${sessions.open(admin)}`;
  return { gate, cookie };
}

function request(method: string, headers: IncomingHttpHeaders): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.method = method;
  Object.assign(message.headers, headers);
  return message;
}

describe("the gate", () => {
  it("lets an admin token in and knows whose it is", async () => {
    const { gate } = gateFixture();
    const incoming = request("POST", { authorization: "Bearer good" });
    await gate.letIn(incoming);
    expect(gate.principalOf(incoming)).toEqual(admin);
  });

  it.each([
    ["no credential", {}, "NOT_AUTHENTICATED"],
    ["an unknown token", { authorization: "Bearer nope" }, "NOT_AUTHENTICATED"],
    ["another scheme", { authorization: "Basic Z29vZDo=" }, "NOT_AUTHENTICATED"],
    ["a name of Object.prototype", { authorization: "Bearer constructor" }, "NOT_AUTHENTICATED"],
    ["an unknown session", { cookie: "millrace_session=nope" }, "NOT_AUTHENTICATED"],
    ["a device's token", { authorization: "Bearer device" }, "NOT_AUTHORIZED"],
  ])("refuses %s", async (_, headers, code) => {
    const { gate } = gateFixture();
    await expect(gate.letIn(request("GET", headers))).rejects.toMatchObject({ code });
  });

  it("does not fall back on the cookie when the token is wrong", async () => {
    const { gate, cookie } = gateFixture();
    await expect(gate.letIn(request("GET", { authorization: "Bearer nope", cookie }))).rejects.toMatchObject({
      code: "NOT_AUTHENTICATED",
    });
  });

  it("lets a session read from anywhere, and change only from its own pages", async () => {
    const { gate, cookie } = gateFixture();
    await gate.letIn(request("GET", { cookie, host }));
    await gate.letIn(request("POST", { cookie, host, "sec-fetch-site": "same-origin" }));
    await gate.letIn(request("DELETE", { cookie, host, origin: own }));
    const foreign: IncomingHttpHeaders[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: own },
      { origin: "http://127.0.0.1:3000" },
      { origin: "null" },
      {},
    ];
    for (const headers of foreign) {
      await expect(gate.letIn(request("POST", { cookie, host, ...headers }))).rejects.toMatchObject({
        code: "NOT_AUTHORIZED",
      });
    }
  });

  it("accepts an upgrade with a session only from its own origin", async () => {
    const { gate, cookie } = gateFixture();
    expect(await gate.authenticateUpgrade({ cookie, host, origin: own })).toEqual(admin);
    expect(await gate.authenticateUpgrade({ cookie, host, origin: "http://evil.example" })).toBeNull();
    expect(await gate.authenticateUpgrade({ cookie, host })).toBeNull();
    expect(await gate.authenticateUpgrade({ authorization: "Bearer good" })).toEqual(admin);
    expect(await gate.authenticateUpgrade({ authorization: "Bearer device" })).toBeNull();
    expect(await gate.authenticateUpgrade({})).toBeNull();
  });
});

describe("a bearer token", () => {
  it("is read from the header whatever the scheme's case", () => {
    expect(bearerToken("bearer  abc ")).toBe("abc");
    expect(bearerToken("Bearer")).toBeNull();
    expect(bearerToken("Bearer a b")).toBeNull();
    expect(bearerToken(`Bearer ${"x".repeat(5000)}`)).toBeNull();
  });
});

describe("where a request comes from", () => {
  it("is this origin only with the same host and port", () => {
    expect(isSameOrigin({ host, origin: own })).toBe(true);
    expect(isSameOrigin({ host, origin: "http://127.0.0.1" })).toBe(false);
    expect(isSameOrigin({ host, origin: "nonsense" })).toBe(false);
  });

  it("is this machine only by peer, host name and without a proxy", () => {
    expect(isLocalRequest("127.0.0.1", { host })).toBe(true);
    expect(isLocalRequest("::ffff:127.0.0.1", { host: "localhost:1" })).toBe(true);
    expect(isLocalRequest("::1", { host: "[::1]:8080" })).toBe(true);
    expect(isLocalRequest("10.0.0.7", { host })).toBe(false);
    expect(isLocalRequest("127.0.0.1", { host: "rebound.example:8080" })).toBe(false);
    expect(isLocalRequest("127.0.0.1", { host, "x-forwarded-for": "10.0.0.7" })).toBe(false);
    expect(isLocalRequest("127.0.0.1", {})).toBe(false);
    expect(isLocalRequest(undefined, { host })).toBe(false);
  });
});
