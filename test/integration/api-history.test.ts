import { describe, expect, it, onTestFinished } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { echoHistory, startApi } from "../unit/api/api-fixture.ts";

async function start(overrides: Parameters<typeof startApi>[0] = {}) {
  const fixture = await startApi(overrides);
  onTestFinished(() => fixture.close());
  await fixture.call("POST", "/api/v1/devices", { body: { id: "d1" } });
  return fixture;
}

const PATHS = [
  "/api/v1/latest",
  "/api/v1/devices/d1/series?metric=t",
  "/api/v1/devices/d1/readings",
  "/api/v1/devices/d1/aggregates",
  "/api/v1/quarantine",
  "/api/v1/dead-letters?device=d1",
];

describe("history over the API", () => {
  it("is asked for bounded ranges of the caller's own tenant", async () => {
    const asked: object[] = [];
    const { call, registry } = await start({ history: echoHistory(asked), clock: { now: () => Date.UTC(2026, 0, 1) } });
    const tenant = (await registry.devices.list({ tenant: "default", limit: 1 })).items[0]?.tenant;
    const to = Date.UTC(2026, 0, 1);
    const hour = 3_600_000;

    const series = await call("GET", "/api/v1/devices/d1/series?metric=t");
    expect(series.body).toEqual({ points: [{ ts: to - hour, value: 1.5, min: 1, max: 2, count: 2 }], bucketMs: 1000 });
    expect((await call("GET", `/api/v1/devices/d1/readings?from=0&to=${to}&limit=7`)).body).toMatchObject({
      items: [{ value: "9007199254740993" }],
    });
    expect(
      (await call("GET", `/api/v1/devices/d1/aggregates?metric=t&size=3600000&from=${to - hour}`)).body,
    ).toMatchObject({ items: [{ size: 3_600_000 }] });
    expect((await call("GET", "/api/v1/latest?device=d1")).body).toEqual({
      items: [{ device: "d1", ts: 5, metric: "t", value: 20.5 }],
    });
    expect((await call("GET", "/api/v1/latest")).status).toBe(200);
    expect(asked).toEqual([
      { tenant, device: "d1", metric: "t", from: to - hour, to, pointsMax: 500 },
      { tenant, device: "d1", from: LIMITS.eventTimeMin, to, limit: 7 },
      { tenant, device: "d1", metric: "t", sizeMs: 3_600_000, from: to - hour, to, limit: 100 },
      { tenant, device: "d1" },
      { tenant },
    ]);
  });

  it.each([
    ["a missing metric", "/api/v1/devices/d1/series"],
    ["too many points", `/api/v1/devices/d1/series?metric=t&points=${LIMITS.chartPointsMax + 1}`],
    ["a range turned round", "/api/v1/devices/d1/series?metric=t&from=2000000000000&to=1000000000000"],
    ["a range without end", "/api/v1/devices/d1/series?metric=t&from=0"],
    ["a time that is none", "/api/v1/devices/d1/readings?from=yesterday"],
    ["a time in hexadecimal digits", "/api/v1/devices/d1/readings?from=0x19bdc5c4400"],
    ["a time with an exponent", "/api/v1/devices/d1/readings?from=1e12"],
    ["a receive time of blanks", "/api/v1/dead-letters?from=%20"],
    ["a time before all times", "/api/v1/devices/d1/readings?from=-5"],
    ["too many rows", `/api/v1/devices/d1/readings?limit=${LIMITS.pageSizeMax + 1}`],
    ["a window of nothing", "/api/v1/devices/d1/aggregates?size=0"],
    ["a reason that there is not", "/api/v1/quarantine?reason=ugly"],
    ["a range of receive times turned round", "/api/v1/dead-letters?from=5&to=5"],
    ["a parameter that there is not", "/api/v1/latest?devise=d1"],
    ["a parameter given twice", "/api/v1/latest?device=d1&device=d2"],
  ])("refuses %s", async (_, path) => {
    const asked: object[] = [];
    const { call } = await start({ history: echoHistory(asked) });
    expect((await call("GET", path)).body).toMatchObject({ code: "INVALID_INPUT", status: 400 });
    expect(asked).toEqual([]);
  });

  it("answers 404 for a device that there is not", async () => {
    const { call } = await start({ history: echoHistory([]) });
    expect((await call("GET", "/api/v1/devices/nobody/series?metric=t")).body).toMatchObject({ code: "NOT_FOUND" });
  });

  it("says why it cannot be asked without ClickHouse, and what to do", async () => {
    const { call } = await start();
    for (const path of PATHS) {
      const answer = await call("GET", path);
      expect(answer.body).toMatchObject({
        code: "SINK_UNAVAILABLE",
        status: 503,
        remedy: expect.stringContaining("--no-clickhouse"),
      });
    }
  });

  it("passes on that ClickHouse is away, and never what a defect says", async () => {
    const away = {
      ...echoHistory([]),
      latest: () => Promise.reject(new MillraceError("SINK_UNAVAILABLE", "It is restarting.")),
    };
    const first = await start({ history: away });
    const passing = await first.call("GET", "/api/v1/latest");
    expect(passing.body).toMatchObject({ code: "SINK_UNAVAILABLE", detail: "It is restarting." });
    expect(passing.headers.get("retry-after")).toBe("1");

    const broken = { ...echoHistory([]), latest: () => Promise.reject(new TypeError("secret internals at /home/x")) };
    const second = await start({ history: broken });
    const defect = await second.call("GET", "/api/v1/latest");
    expect(defect.body).toMatchObject({ code: "INTERNAL", status: 500 });
    expect(defect.text).not.toContain("secret");
    expect(defect.text).not.toContain(".ts");
  });

  it("erases what a removed device sent, and completes an erasure that failed when asked again", async () => {
    const erased: string[] = [];
    let working = false;
    const eraseDevice = async (_: string, device: string) => {
      if (!working) throw new MillraceError("SINK_UNAVAILABLE", "It is restarting.");
      erased.push(device);
    };
    const { call } = await start({ eraseDevice });
    expect((await call("DELETE", "/api/v1/devices/d1")).body).toMatchObject({ code: "SINK_UNAVAILABLE" });
    working = true;
    expect((await call("DELETE", "/api/v1/devices/d1")).body).toMatchObject({ code: "NOT_FOUND" });
    expect(erased).toEqual(["d1"]);
  });
});

describe("a change whose control records do not reach the log", () => {
  it("answers within seconds that they still follow", async () => {
    const { call } = await start({ relay: false });
    const answer = await call("POST", "/api/v1/devices", { body: { id: "waiting" } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("millrace-pending")).toBe("true");
  });
});
