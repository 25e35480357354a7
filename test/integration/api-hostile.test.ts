import { createReplaysDouble } from "../support/replays-double.ts";
import { MillraceError } from "../../core/errors.ts";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../../api/api.ts";
import { createSignInCodes } from "../../api/sign-in-codes.ts";
import { systemClock } from "../../core/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import { ledger, overview, startApi } from "../unit/api/api-fixture.ts";

let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  fixture = await startApi();
  await fixture.call("POST", "/api/v1/devices", { body: { id: "d1" } });
});
afterAll(() => fixture.close());

/** Writes bytes to the port and returns what comes back. */
async function raw(text: string): Promise<string> {
  const { port } = new URL(fixture.url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    socket.on("data", (chunk) => void (answer += chunk.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}

describe("bad ids and searches", () => {
  it.each([
    ["SQL", "'; DROP TABLE devices; --"],
    ["a path", "../../etc/passwd"],
    ["a blank", "a b"],
    ["a NUL", "a\0b"],
    ["too many characters", "x".repeat(129)],
    ["another script", "gerät"],
    ["a percent sign", "%"],
  ])("an id with %s is refused before it is looked up", async (_, id) => {
    const answer = await fixture.call("GET", `/api/v1/devices/${encodeURIComponent(id)}`);
    expect(answer.body).toMatchObject({ code: "INVALID_INPUT", status: 400, errors: [{ in: "path", path: "id" }] });
  });

  it("an id of the greatest length and all its characters is just not there", async () => {
    const id = `A.z_0:-${"x".repeat(121)}`;
    expect((await fixture.call("GET", `/api/v1/devices/${encodeURIComponent(id)}`)).body).toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("a path that is not percent-encoded well is refused with a problem", async () => {
    expect((await fixture.call("GET", "/api/v1/devices/%ZZ")).body).toMatchObject({
      code: "INVALID_INPUT",
      status: 400,
    });
  });

  it("a search of 10,000 characters is refused, and an odd one finds nothing", async () => {
    const { call } = fixture;
    expect((await call("GET", `/api/v1/devices?search=${"x".repeat(10_000)}`)).body).toMatchObject({
      code: "INVALID_INPUT",
      errors: [{ in: "query", path: "search" }],
    });
    for (const search of ["%", "_", "'", '"', "\\", "' OR 1=1 --", "%00"]) {
      expect(await call("GET", `/api/v1/devices?search=${encodeURIComponent(search)}`)).toMatchObject({
        status: 200,
        body: { items: [] },
      });
    }
  });

  it("a cursor or a path segment over its ceiling is refused", async () => {
    const { call } = fixture;
    expect(
      (await call("GET", `/api/v1/devices?after=${"x".repeat(LIMITS.cursorCharactersMax + 1)}`)).body,
    ).toMatchObject({
      code: "INVALID_INPUT",
      errors: [{ in: "query", path: "after" }],
    });
    const tooLong = await call("GET", `/api/v1/devices/${"x".repeat(LIMITS.pathSegmentCharactersMax + 1)}`);
    // Before any schema sees it, so that no field is named.
    expect(tooLong.body).toMatchObject({ code: "INVALID_INPUT", status: 400 });
    expect(tooLong.body).not.toHaveProperty("errors");
  });

  it.each([
    "by=rank",
    "by=silence&by=delay",
    "by=SILENCE",
    "limit=0",
    "limit=1001",
    "limit=1e9",
    "device=d1",
    "by=%00",
  ])("slow devices asked for with %s are refused", async (query) => {
    const { body } = await fixture.call("GET", `/api/v1/slow-devices?${query}`);
    expect(body).toMatchObject({ code: "INVALID_INPUT", status: 400 });
  });

  it("a stranger learns of no slow device", async () => {
    expect(
      (await fixture.call("GET", "/api/v1/slow-devices", { headers: { authorization: "Bearer none" } })).status,
    ).toBe(401);
  });

  it("a cursor that nobody gave out is refused or empty, never an error inside", async () => {
    for (const after of ["x", "'", "e30", "%00", "x".repeat(1000)]) {
      const { status } = await fixture.call("GET", `/api/v1/devices?after=${after}`);
      expect(status).toBeLessThan(500);
    }
  });

  it.each([
    "limit=0",
    "limit=1001",
    "limit=-1",
    "limit=1.5",
    "limit=ten",
    "limit=1&limit=2",
    "limit=1e99",
    "__proto__=1",
    "unknown=1",
  ])("the query %s is refused", async (query) => {
    expect((await fixture.call("GET", `/api/v1/devices?${query}`)).body).toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe("bad bodies", () => {
  it.each([
    ["__proto__", '{"id":"x","__proto__":{"admin":true}}'],
    ["constructor.prototype", '{"id":"x","constructor":{"prototype":{"admin":true}}}'],
    ["labels.__proto__", '{"id":"x","labels":{"__proto__":"y"}}'],
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["an array", "[]"],
    ["10,000 levels", `${"[".repeat(10_000)}${"]".repeat(10_000)}`],
    ["an id that is a number", '{"id":1}'],
    ["a field that there is not", '{"id":"x","tennant":"y"}'],
    [
      "too many labels",
      JSON.stringify({ id: "x", labels: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`l${n}`, "v"])) }),
    ],
  ])("a body with %s is refused and makes nothing", async (_, body) => {
    const { call, token } = fixture;
    const answer = await call("POST", "/api/v1/devices", { raw: body, headers: { authorization: `Bearer ${token}` } });
    expect(answer.body).toMatchObject({ code: "INVALID_INPUT", status: 400 });
    expect((await call("GET", "/api/v1/devices/x")).status).toBe(404);
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  it("a body over the ceiling is refused with its size, one under it is read", async () => {
    const { call, token } = fixture;
    const headers = { authorization: `Bearer ${token}` };
    const filler = (bytes: number) => `{"id":"x","name":"${"n".repeat(bytes)}"}`;
    expect(
      (await call("POST", "/api/v1/devices", { raw: filler(LIMITS.apiBodyBytesMax), headers })).body,
    ).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      status: 413,
      detail: expect.stringContaining(String(LIMITS.apiBodyBytesMax)),
    });
    expect(
      (await call("POST", "/api/v1/devices", { raw: filler(LIMITS.apiBodyBytesMax - 100), headers })).body,
    ).toMatchObject({
      code: "INVALID_INPUT",
      errors: [{ path: "name" }],
    });
  });

  it("numbers that are none do not pass as times", async () => {
    for (const upTo of ["1e400", "-1", "1.5", '"1"', "9007199254740993", "null"]) {
      const headers = { authorization: `Bearer ${fixture.token}` };
      const answer = await fixture.call("POST", "/api/v1/flush", { raw: `{"upTo":${upTo}}`, headers });
      expect(answer.body).toMatchObject({ code: "INVALID_INPUT" });
    }
  });

  it("an answer to a thousand mistakes stays short", async () => {
    const devices = Array.from({ length: 1000 }, () => ({ id: "not an id" }));
    const answer = await fixture.call("POST", "/api/v1/devices/import", { body: { devices } });
    expect(answer.status).toBe(400);
    expect(answer.text.length).toBeLessThan(10_000);
  });
});

describe("requests that are hardly any", () => {
  it("get a problem and the end of the connection", async () => {
    expect(await raw("NONSENSE\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*INVALID_INPUT/,
    );
    expect(await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it("with telemetry are shown the port that takes it, and not their token again", async () => {
    for (const path of ["/v1/telemetry", "/api/v1/mr_d_secret/telemetry"]) {
      const { status, text } = await fixture.call("POST", path, { body: { temperature: 1 } });
      expect({ status, text }).toEqual({ status: 404, text: expect.stringContaining("Post to the ingest port: 8081") });
      expect(text).not.toContain("mr_d_secret");
    }
  });

  it("to no route get a hint", async () => {
    expect((await fixture.call("GET", "/api/v1/nothing")).body).toMatchObject({
      code: "NOT_FOUND",
      remedy: expect.stringContaining("/docs"),
    });
    expect((await fixture.call("POST", "/healthz", { body: {} })).body).toMatchObject({ code: "NOT_FOUND" });
    expect((await fixture.call("TRACE", "/api/v1/devices").catch(() => null))?.status ?? 405).toBeGreaterThanOrEqual(
      400,
    );
  });

  it("leave the API alive", async () => {
    expect((await fixture.call("GET", "/healthz")).status).toBe(200);
  });
});

describe("a port that is taken", () => {
  it("ends the start with what to do", async () => {
    const { registry, api } = fixture;
    const second = createApi({
      listen: { host: "127.0.0.1", port: api.address.port },
      registry,
      history: null,
      rejects: null,
      why: { explain: () => Promise.reject(new MillraceError("NOT_FOUND", "nothing is there")) },
      whyJoined: { explain: () => Promise.reject(new MillraceError("NOT_FOUND", "nothing is there")) },
      replays: createReplaysDouble(),
      deadLetters: null,
      edge: { status: async () => ({ port: 0, connections: 0 }), connectedOf: async () => [] },
      functionUsage: async () => [],
      slowDevices: async () => [],
      overview: async () => overview,
      ledger: async () => ledger,
      partitions: async () => ({ at: 1, consumers: [] }),
      audit: () => Promise.reject(new Error("not asked")),
      outlineFunctions: async () => [],
      shadow: { ofCode: async () => [], ofVersions: () => Promise.reject(new Error("no versions here")) },
      canaryCounts: async () => new Map(),
      metrics: async () => [],
      health: { notReadyReasons: () => [], faults: () => [] },
      pagesDirectory: null,
      signInCodes: createSignInCodes(systemClock),
      clock: systemClock,
      logger: silentLogger,
    });
    await expect(second.start()).rejects.toMatchObject({
      code: "PORT_IN_USE",
      remedy: expect.stringContaining("--http-port"),
    });
    expect(second.notReadyReasons()).toEqual(["the API is not listening"]);
    await second.stop(AbortSignal.timeout(1000));
  });
});
