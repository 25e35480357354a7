import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi } from "./api-fixture.ts";

let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  fixture = await startApi();
});
afterAll(() => fixture.close());

const PATH = "/api/v1/functions/dew/replay";

test("a replay is started, asked for and ended; a second one is refused meanwhile", async () => {
  expect((await fixture.call("GET", "/api/v1/replay")).status).toBe(404);
  const started = await fixture.call("POST", PATH, { body: { from: 1, to: 2, version: 3, dryRun: true } });
  expect(started).toMatchObject({ status: 202, body: { function: "dew", version: 3, dryRun: true, state: "running" } });
  expect((await fixture.call("POST", PATH, { body: { from: 1, to: 2 } })).body).toMatchObject({
    code: "LIMIT_EXCEEDED",
  });
  expect((await fixture.call("GET", "/api/v1/replay")).body).toEqual(started.body);
  expect((await fixture.call("DELETE", "/api/v1/replay")).body).toMatchObject({ state: "cancelled" });
});

test.each([
  { body: {} },
  { body: { from: 1 } },
  { body: { from: -1, to: 2 } },
  { body: { from: 1, to: 2, version: 0 } },
  { body: { from: 1, to: 2, until: 3 } },
])("what names no range is refused: $body", async ({ body }) => {
  expect((await fixture.call("POST", PATH, { body })).status).toBe(400);
});
