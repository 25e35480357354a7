import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { startApi } from "./api-fixture.ts";

const lines: object[] = [];
let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  const error = (fields: object): void => void lines.push(fields);
  const ledger = () => Promise.reject(new RangeError("a defect"));
  fixture = await startApi({ logger: { ...silentLogger, error }, ledger });
});
afterAll(() => fixture.close());

async function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<[string, unknown]> {
  const response = await fetch(`${fixture.url}${path}`, { headers });
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return [response.headers.get("x-request-id") ?? "", isJson ? await response.json() : null];
}

describe("the id of a request", () => {
  it("is the client's own when it is well formed, in the answer and in an error's body", async () => {
    const [id, problem] = await ask("/api/v1/devices", { "x-request-id": "mine:1/a" });
    expect(id).toBe("mine:1/a");
    expect(problem).toMatchObject({ status: 401, requestId: "mine:1/a" });
  });

  it.each(["a b", 'x"y', "x".repeat(129), "{}"])("is made where the client's is %j", async (given) => {
    const [id, problem] = await ask("/api/v1/devices", { "x-request-id": given });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
    expect(problem).toMatchObject({ requestId: id });
  });

  it("is there for what is found, for paths that are none, and for what is no path", async () => {
    const ids = await Promise.all(["/healthz", "/nowhere", "/api/v1/%ZZ"].map(async (path) => (await ask(path))[0]));
    expect(ids.every((id) => id.length === 36)).toBe(true);
    expect(new Set(ids).size).toBe(3);
  });

  it("finds a defect in the log", async () => {
    const answer = await fixture.call("GET", "/api/v1/ledger", { headers: { "x-request-id": "look-me-up" } });
    expect(answer.body).toMatchObject({ code: "INTERNAL", detail: expect.stringContaining("request id look-me-up") });
    expect(lines).toContainEqual(expect.objectContaining({ requestId: "look-me-up" }));
  });
});
