import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { ReplayStatus } from "../../core/replay.ts";

const DEVICES = Array.from({ length: 5 }, (_, n) => `meter-${n}`);
const START = Date.UTC(2026, 0, 1);
const STEP = 5000;
const MINUTE = 60_000;

/**
 * Reading n of a device has the value n. `scaled` says the factor of its version, and nothing where n divides by `gap`: so a version has rows that
 * another one has not. `minutes` sums a minute up, with the factor.
 */
const source = (
  factor: number,
  gap: number,
  lateness: string,
) => `import { defineMap, defineStream, tumbling, z } from "millrace/function";
const input = z.object({ value: z.number() });
export const scaled = defineMap({
  name: "scaled",
  input,
  process: ({ metrics }) => (metrics.value % ${gap} === 0 ? undefined : { scaled: metrics.value * ${factor} }),
});
export const minutes = defineStream({
  name: "minutes",
  input,
  window: tumbling("1min"),
  allowedLateness: ${lateness},
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }, { metrics }) => ({ sum: sum + metrics.value * ${factor} }),
  result: ({ sum }) => ({ total: sum }),
});
`;

type Rows = ReadonlyMap<number, number>;

describe.skipIf(!hasChdb())(`a replay in a running instance ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const files = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;
  let published = 0;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
    await api.post("/devices/import", { devices: DEVICES.map((id) => ({ id, token: `token-of-${id}` })) });
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
    files.dispose();
  });

  const command = (...args: string[]) => runMillraceAsync([...args, "--data", directory.path]);

  async function deploy(factor: number, gap: number, lateness = "0"): Promise<void> {
    const file = join(files.path, "functions.ts");
    writeFileSync(file, source(factor, gap, lateness));
    const { code, stderr } = await command("deploy", file, "--yes", "--no-shadow");
    if (code !== 0) throw new Error(stderr);
  }

  /** `shiftMs`: a reading that is there already would be a duplicate. */
  async function send(device: string, numbers: readonly number[], shiftMs = 0): Promise<void> {
    const options = { clientId: device, username: device, password: `token-of-${device}`, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    await Promise.all(
      numbers.map((n) => {
        const message = JSON.stringify({ ts: START + n * STEP + shiftMs, values: { value: n } });
        return client.publishAsync("v1/devices/me/telemetry", message, { qos: 1 });
      }),
    );
    await client.endAsync();
  }

  /** The next `count` readings of every device; the tables hold them, and what is made of them, when it resolves. */
  async function publish(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => published + index + 1);
    await Promise.all(DEVICES.map((device) => send(device, numbers)));
    published += count;
    await settled(api, 60_000);
  }

  async function replay(fn: string, to: number, ...flags: string[]): Promise<ReplayStatus> {
    const range = ["--from", String(START), "--to", String(START + to * STEP)];
    const { stdout, stderr } = await command("replay", fn, ...range, "--json", ...flags);
    if (stdout === "") throw new Error(stderr);
    await settled(api, 60_000);
    return JSON.parse(stdout);
  }

  const corrected = ({ corrections: { changed, added, withdrawn } }: ReplayStatus): number =>
    changed + added + withdrawn;

  const between = (to: number): string => `from=${START}&to=${START + to * STEP}`;

  /** By event time; fails when a time is there twice. */
  async function rows(device: string, metric: string, to: number): Promise<Rows> {
    const found = new Map<number, number>();
    for (let from = 0; from < to; from += 200) {
      const range = `from=${START + from * STEP}&to=${START + Math.min(to, from + 200) * STEP}&limit=1000`;
      const { items } = await api.get<{ items: { ts: number; metric: string; value: number }[] }>(
        `/devices/${device}/readings?${range}`,
      );
      for (const { ts, value } of items.filter((item) => item.metric === metric)) {
        expect(found.has(ts)).toBe(false);
        found.set(ts, value);
      }
    }
    return found;
  }

  async function windows(device: string, to: number): Promise<Rows> {
    const path = `/devices/${device}/aggregates?metric=minutes.total&size=${MINUTE}&limit=1000&${between(to)}`;
    const { items } = await api.get<{ items: { start: number; mean: number; revision: number }[] }>(path);
    return new Map(items.map(({ start, mean }) => [start, mean]));
  }

  const scaledBy = (factor: number, gap: number, to: number): Rows =>
    new Map(
      Array.from({ length: to - 1 }, (_, index) => index + 1)
        .filter((n) => n % gap !== 0)
        .map((n) => [START + n * STEP, n * factor]),
    );
  const PER_MINUTE = MINUTE / STEP;
  const minutesBy = (factor: number, to: number): Rows => {
    const sums = new Map<number, number>();
    for (let n = 1; n < to; n += 1) {
      const start = START + Math.floor(n / PER_MINUTE) * MINUTE;
      sums.set(start, (sums.get(start) ?? 0) + n * factor);
    }
    return sums;
  };
  const sorted = (found: Rows) => [...found].sort(([a], [b]) => a - b);

  /** Rows, windows, roll-ups and the ledger, up to reading `to`, which begins a minute. */
  async function expectAsMadeBy(factor: number, gap: number, to: number): Promise<void> {
    for (const device of DEVICES) {
      expect(sorted(await rows(device, "scaled", to))).toEqual(sorted(scaledBy(factor, gap, to)));
      expect(sorted(await windows(device, to))).toEqual(sorted(minutesBy(factor, to)));
      const ends = [...minutesBy(factor, to)].map(([start, sum]) => [start + MINUTE - 1, sum] as const);
      expect(sorted(await rows(device, "total", to))).toEqual(sorted(new Map(ends)));
    }
    await expectSeriesAsReadings(to);
    expect(await api.get("/audit")).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
  }

  /** What a chart shows comes of roll-ups where these are wide enough. */
  async function expectSeriesAsReadings(to: number): Promise<void> {
    const [device = ""] = DEVICES;
    const values = [...(await rows(device, "scaled", to)).values()];
    type Series = { points: { value: number; count: number }[]; bucketMs: number };
    const path = `/devices/${device}/series?metric=scaled&points=8&${between(to)}`;
    const { points, bucketMs } = await api.get<Series>(path);
    expect(bucketMs).toBeGreaterThanOrEqual(MINUTE);
    expect(points.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
    expect(points.reduce((sum, { count, value }) => sum + count * value, 0)).toBeCloseTo(
      values.reduce((a, b) => a + b, 0),
      3,
    );
  }

  it("makes of rows what the new version would have made of the readings, and finds nothing the second time", async () => {
    await deploy(3, 7);
    await publish(240);
    await deploy(2, 5);
    await publish(121);
    const dry = await replay("scaled", 240, "--dry-run");
    expect(dry).toMatchObject({ state: "done", version: 2, error: null });
    expect(dry.corrections.changed).toBeGreaterThan(0);
    expect(dry.corrections.withdrawn).toBeGreaterThan(0);
    expect(dry.corrections.added).toBeGreaterThan(0);
    expect(sorted(await rows("meter-0", "scaled", 240))).toEqual(sorted(scaledBy(3, 7, 240)));
    const done = await replay("scaled", 240);
    expect(done.corrections).toEqual(dry.corrections);
    expect((await replay("minutes", 240)).corrections.changed).toBe(DEVICES.length * 20 * 2);
    await expectAsMadeBy(2, 5, 240);
    const again = await replay("scaled", 240);
    expect(again).toMatchObject({ corrections: { changed: 0, added: 0, withdrawn: 0 }, hash: done.hash });
    expect((await replay("minutes", 240)).corrections).toEqual({ changed: 0, added: 0, withdrawn: 0 });
  });

  it("goes on where a kill -9 has left it: the same rows, and nothing the third time", async () => {
    await deploy(5, 3);
    await publish(12);
    const total = corrected(await replay("scaled", 240, "--dry-run"));
    const begun = await api.create<ReplayStatus>("/functions/scaled/replay", { from: START, to: START + 240 * STEP });
    for (let status = begun; status.state === "running" && corrected(status) === 0;) {
      status = await api.get<ReplayStatus>("/replay");
    }
    await instance.kill();
    instance = await startInstance({ data: directory.path });
    await settled(api, 60_000);
    const left = corrected(await replay("scaled", 240, "--dry-run"));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(total);
    expect(corrected(await replay("scaled", 240))).toBe(left);
    await replay("minutes", 240);
    await expectAsMadeBy(5, 3, 240);
    expect(corrected(await replay("scaled", 240))).toBe(0);
  });

  it("leaves windows alone that live readings may still change, and corrects them when they are over", async () => {
    await deploy(4, 1000, '"5min"');
    await publish(24);
    // Minutes that were closed and may be told again for five more minutes of event time.
    const to = Math.floor(published / PER_MINUTE) * PER_MINUTE;
    await replay("scaled", to);
    const early = await replay("minutes", to);
    expect(early.openWindows).toBeGreaterThan(0);
    await send("meter-1", [to - 1], 1);
    await settled(api, 60_000);
    await publish(84);
    expect((await replay("minutes", to)).openWindows).toBe(0);
    // The late reading is one more of its minute, for the live version and for the replay.
    const withLate = (device: string): Rows => {
      const sums = minutesBy(4, to);
      const last = Math.max(...sums.keys());
      return device === "meter-1" ? new Map(sums).set(last, (sums.get(last) ?? 0) + (to - 1) * 4) : sums;
    };
    for (const device of DEVICES) expect(sorted(await windows(device, to))).toEqual(sorted(withLate(device)));
    // What comes for a window that is over changes it no more.
    await send("meter-1", [to - 1], 2);
    await settled(api, 60_000);
    expect(corrected(await replay("minutes", to))).toBe(0);
    expect(sorted(await windows("meter-1", to))).toEqual(sorted(withLate("meter-1")));
  });

  it("brings nothing back of a device that was removed", async () => {
    expect((await command("devices", "remove", "meter-2", "--yes")).code).toBe(0);
    await deploy(9, 1000);
    await replay("scaled", 240);
    await api.post("/devices/import", { devices: [{ id: "meter-2", token: "token-of-meter-2" }] });
    await replay("scaled", 240);
    expect((await rows("meter-2", "scaled", 240)).size).toBe(0);
    expect(await api.get("/audit")).toMatchObject({ balanced: true, storedOnce: true });
  });

  it("waits for no stage in which the function does not run", async () => {
    await deploy(9, 1000);
    const file = join(files.path, "slow.ts");
    const slow = `import { defineMap, z } from "millrace/function";
export const slow = defineMap({
  name: "slow",
  input: z.object({ value: z.number() }),
  process: ({ metrics }) => {
    let sum = metrics.value;
    for (let n = 0; n < 200_000_000; n += 1) sum += n % 7;
    return { sum };
  },
});
`;
    writeFileSync(file, slow);
    expect((await command("deploy", file, "--stage", "slow", "--no-shadow", "--yes")).code).toBe(0);
    const [from, count] = [published + 1, 24];
    const numbers = Array.from({ length: count }, (_, index) => from + index);
    await Promise.all(DEVICES.map((device) => send(device, numbers)));
    published += count;
    for (const device of DEVICES) {
      await expect
        .poll(async () => (await rows(device, "scaled", published + 1)).get(START + published * STEP), {
          timeout: 60_000,
        })
        .toBe(published * 9);
    }
    const range = ["--from", String(START + from * STEP), "--to", String(START + (published + 1) * STEP)];
    const { stdout } = await command("replay", "scaled", ...range, "--dry-run", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      results: DEVICES.length * count,
      corrections: { changed: 0, added: 0, withdrawn: 0 },
    });
    expect((await command("undeploy", "slow", "--yes")).code).toBe(0);
  });

  it("says what it cannot do", async () => {
    const range = ["--from", String(START), "--to", String(START + 1)];
    expect((await command("replay", "nobody", ...range)).stderr).toMatch(
      /there is no function "nobody"\. See millrace versions\./,
    );
    expect((await command("replay", "scaled@77", ...range)).stderr).toMatch(/has no version 77/);
    expect((await command("replay", "scaled", "--from", String(Date.now() + MINUTE))).stderr).toMatch(/range is empty/);
    expect((await command("replay", "--cancel")).stderr).toMatch(/no replay runs\. See millrace replay --status/);
  });
});
