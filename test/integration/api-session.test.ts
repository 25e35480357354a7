import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { startApi } from "../unit/api/api-fixture.ts";

let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  fixture = await startApi();
});
afterAll(() => fixture.close());

/** Signs in with the admin token and returns the Cookie header. */
async function signIn(body: object = { token: fixture.token }): Promise<string> {
  const answer = await fixture.call("POST", "/api/v1/session", { raw: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  return answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

describe("signing in", () => {
  it("with the printed code opens a session, once", async () => {
    const { call, signInCodes } = fixture;
    const code = signInCodes.issue({ kind: "admin", tenant: "default", id: "printed" });
    const answer = await call("POST", "/api/v1/session", { raw: JSON.stringify({ code }) });
    expect(answer.body).toEqual({ tenant: "default", name: "printed" });
    const cookie = answer.headers.getSetCookie()[0] ?? "";
    expect(cookie).toMatch(/^millrace_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    expect((await call("GET", "/api/v1/session", { headers })).body).toEqual({ tenant: "default", name: "printed" });
    const again = await call("POST", "/api/v1/session", { raw: JSON.stringify({ code }) });
    expect(again.body).toMatchObject({ code: "NOT_AUTHENTICATED", remedy: expect.stringContaining("millrace link") });
  });

  it("with a code that was asked for opens a session, for an hour at most", async () => {
    const { call, close } = await startApi();
    onTestFinished(close);
    const asked = await call("POST", "/api/v1/session/code");
    expect(asked.status).toBe(201);
    const { code, until }: { code: string; until: number } = JSON.parse(asked.text);
    expect(until - Date.now()).toBeLessThanOrEqual(LIMITS.signInCodeMs);
    expect((await call("POST", "/api/v1/session", { raw: JSON.stringify({ code }) })).status).toBe(200);
    expect((await call("POST", "/api/v1/session", { raw: JSON.stringify({ code }) })).status).toBe(401);
  });

  it("ends with signing out", async () => {
    const { call, url } = fixture;
    const cookie = await signIn();
    const out = await call("DELETE", "/api/v1/session", { headers: { cookie, origin: url } });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toContain("Max-Age=0");
    expect((await call("GET", "/api/v1/session", { headers: { cookie } })).status).toBe(401);
  });

  it.each([
    ["an unknown token", { token: "nope" }, "NOT_AUTHENTICATED"],
    ["an unknown code", { code: "nope" }, "NOT_AUTHENTICATED"],
    ["neither", {}, "INVALID_INPUT"],
    ["both", { code: "a", token: "b" }, "INVALID_INPUT"],
    ["a token that is no text", { token: { $ne: "" } }, "INVALID_INPUT"],
  ])("is refused with %s", async (_, body, code) => {
    const { call, close } = await startApi();
    onTestFinished(close);
    const answer = await call("POST", "/api/v1/session", { raw: JSON.stringify(body) });
    expect(answer.body).toMatchObject({ code });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it("is refused with a device's token", async () => {
    const { call } = fixture;
    const added = await call("POST", "/api/v1/devices", { body: { id: "thing" } });
    const { token } = JSON.parse(added.text);
    expect((await call("POST", "/api/v1/session", { raw: JSON.stringify({ token }) })).body).toMatchObject({
      code: "NOT_AUTHORIZED",
    });
    const headers = { authorization: `Bearer ${token}` };
    expect((await call("GET", "/api/v1/devices", { headers })).body).toMatchObject({ code: "NOT_AUTHORIZED" });
  });

  it("is not tried with a token over its ceiling", async () => {
    const raw = JSON.stringify({ token: "x".repeat(LIMITS.credentialCharactersMax + 1) });
    expect((await fixture.call("POST", "/api/v1/session", { raw })).body).toMatchObject({ code: "INVALID_INPUT" });
  });

  it("is slowed down for an address that guesses", async () => {
    const { call, token, close } = await startApi();
    onTestFinished(close);
    const statuses: number[] = [];
    for (let n = 0; n < 12; n += 1)
      statuses.push((await call("POST", "/api/v1/session", { raw: '{"code":"guess"}' })).status);
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
    const refused = await call("POST", "/api/v1/session", { raw: JSON.stringify({ token }) });
    expect(refused.body).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(1);
    // Bearer tokens are not slowed down.
    expect((await call("GET", "/api/v1/devices")).status).toBe(200);
  });

  it("cannot be done for a visitor by a foreign page", async () => {
    const { call, token } = fixture;
    const foreign = { raw: JSON.stringify({ token }), headers: { origin: "http://evil.example" } };
    expect((await call("POST", "/api/v1/session", foreign)).body).toMatchObject({ code: "NOT_AUTHORIZED" });
  });
});

describe("a session", () => {
  it("may change things only from its own pages", async () => {
    const { call, url } = fixture;
    const cookie = await signIn();
    const body = { id: "by-page" };
    for (const headers of [
      {},
      { origin: "http://127.0.0.1:1" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ]) {
      const refused = await call("POST", "/api/v1/devices", { body, headers: { cookie, ...headers } });
      expect(refused.body).toMatchObject({ code: "NOT_AUTHORIZED" });
    }
    expect((await call("GET", "/api/v1/devices/by-page")).status).toBe(404);
    const own = await call("POST", "/api/v1/devices", { body, headers: { cookie, origin: url } });
    expect(own.status).toBe(201);
  });

  it("does not take a form: a foreign page could send one without asking", async () => {
    const { call, url } = fixture;
    const cookie = await signIn();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const headers = { cookie, origin: url, "content-type": type };
      expect((await call("POST", "/api/v1/devices", { raw: '{"id":"formed"}', headers })).status).toBe(415);
    }
  });
});

describe("without a credential", () => {
  it.each([
    ["GET", "/api/v1/overview"],
    ["GET", "/api/v1/session"],
    ["GET", "/api/v1/devices"],
    ["POST", "/api/v1/devices"],
    ["POST", "/api/v1/apply"],
    ["POST", "/api/v1/flush"],
    ["POST", "/api/v1/session/code"],
    ["GET", "/api/v1/mqtt"],
    ["POST", "/api/v1/mqtt/connected"],
    ["DELETE", "/api/v1/devices/d1"],
    ["GET", "/api/v1/audit-log"],
    ["DELETE", "/api/v1/session"],
  ])("%s %s answers 401 with a challenge", async (method, path) => {
    const answer = await fixture.call(method, path, { headers: { authorization: "Bearer wrong" } });
    expect(answer.body).toMatchObject({ code: "NOT_AUTHENTICATED", status: 401 });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });
});

describe("a WebSocket upgrade", () => {
  it("can be taken over from the server, and authenticated", async () => {
    const { api, url } = fixture;
    const cookie = await signIn();
    const who = Promise.withResolvers<unknown>();
    api.server.once("upgrade", (request, socket) => {
      void api.authenticateRequest(request.headers).then(who.resolve, who.reject);
      socket.destroy();
    });
    const { port, host } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1", () => {
      const lines = [
        "GET /live HTTP/1.1",
        `Host: ${host}`,
        `Origin: ${url}`,
        `Cookie: ${cookie}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
      ];
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    });
    socket.on("error", () => undefined);
    expect(await who.promise).toMatchObject({ kind: "admin" });
  });
});
