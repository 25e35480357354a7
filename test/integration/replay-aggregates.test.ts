import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { ReplayStatus } from "../../core/replay.ts";

const DEVICES = Array.from({ length: 8 }, (_, n) => `meter-${n}`);
const START = Date.UTC(2026, 0, 1);
const STEP = 5000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Sent {
  readonly ts: number;
  readonly value: number;
}
interface Row {
  readonly start: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
}

describe.skipIf(!hasChdb())(`a replay of aggregate in a running instance ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;
  /** What each device has sent, in order. */
  const sent = new Map<string, Sent[]>();
  let published = 0;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
    await setType(0, [MINUTE]);
    await api.post("/devices/import", { devices: DEVICES.map((id) => imported(id)) });
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  const imported = (id: string) => ({ id, token: `token-of-${id}`, type: "meter" });
  const command = (...args: string[]) => runMillraceAsync([...args, "--data", directory.path]);

  async function setType(allowedLatenessMs: number, windowMs: readonly number[]): Promise<void> {
    await api.put("/types/meter", { allowedLatenessMs, windowMs, outOfOrderMs: 0, idleMs: 12 * HOUR });
  }

  async function send(device: string, readings: readonly Sent[]): Promise<void> {
    const options = { clientId: device, username: device, password: `token-of-${device}`, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    await Promise.all(
      readings.map(({ ts, value }) =>
        client.publishAsync("v1/devices/me/telemetry", JSON.stringify({ ts, values: { value } }), { qos: 1 }),
      ),
    );
    await client.endAsync();
    sent.set(device, [...(sent.get(device) ?? []), ...readings]);
  }

  /** The next `count` readings of every device; every seventh comes a second time three minutes late, every ninth half an hour. */
  async function publish(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => published + index + 1);
    const readings = numbers.flatMap((n) => {
      const ts = START + n * STEP;
      return [
        { ts, value: n },
        ...(n % 7 === 0 && n > 40 ? [{ ts: ts - 3 * MINUTE + 1, value: -n }] : []),
        ...(n % 9 === 0 && n > 400 ? [{ ts: ts - 30 * MINUTE + 2, value: n * 100 }] : []),
      ];
    });
    await Promise.all(DEVICES.map((device) => send(device, readings)));
    published += count;
    await settled(api, 60_000);
  }

  async function replay(to: number, ...flags: string[]): Promise<ReplayStatus> {
    const range = ["--from", String(START), "--to", String(to)];
    const { stdout, stderr } = await command("replay", "aggregate", ...range, "--json", ...flags);
    if (stdout === "") throw new Error(stderr);
    await settled(api, 60_000);
    const status: ReplayStatus = JSON.parse(stdout);
    expect(status).toMatchObject({ state: "done", error: null });
    return status;
  }

  const corrected = ({ corrections: { changed, added, withdrawn } }: ReplayStatus): number =>
    changed + added + withdrawn;

  /** Straight from what was sent: a reading counts unless its window was let go by the newest time before it. */
  function byHand(device: string, size: number, latenessMs: number, to: number): Row[] {
    const windows = new Map<number, Sent[]>();
    let newest = 0;
    for (const reading of sent.get(device) ?? []) {
      const start = Math.floor(reading.ts / size) * size;
      if (start + size + latenessMs > newest) windows.set(start, [...(windows.get(start) ?? []), reading]);
      newest = Math.max(newest, reading.ts);
    }
    return [...windows]
      .filter(([start]) => start + size <= to)
      .map(([start, members]) => {
        const values = members.map(({ value }) => value);
        const inTime = members.toSorted((a, b) => a.ts - b.ts);
        return {
          start,
          count: members.length,
          sum: values.reduce((a, b) => a + b, 0),
          min: Math.min(...values),
          max: Math.max(...values),
          first: inTime[0]?.value ?? NaN,
          last: inTime.at(-1)?.value ?? NaN,
        };
      })
      .toSorted((a, b) => a.start - b.start);
  }

  async function stored(device: string, size: number, to: number): Promise<Row[]> {
    const path = `/devices/${device}/aggregates?metric=value&size=${size}&limit=1000&from=${START}&to=${to}`;
    const { items } = await api.get<{ items: Row[] }>(path);
    return items
      .filter(({ start }) => start + size <= to)
      .map(({ start, count, sum, min, max, first, last }) => ({ start, count, sum, min, max, first, last }))
      .toSorted((a, b) => a.start - b.start);
  }

  async function expectByHand(sizes: readonly number[], latenessMs: number, to: number, of = DEVICES): Promise<void> {
    for (const device of of) {
      for (const size of sizes) {
        expect(await stored(device, size, to)).toEqual(byHand(device, size, latenessMs, to));
      }
    }
    expect(await api.get("/audit")).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
  }

  /** Ends an hour. */
  const TO = START + HOUR;

  it("counts late readings in after the lateness was raised, and finds nothing the second time", async () => {
    await publish(900);
    await expectByHand([MINUTE], 0, TO);
    expect(corrected(await replay(TO))).toBe(0);
    await setType(5 * MINUTE, [MINUTE]);
    const dry = await replay(TO, "--dry-run");
    expect(dry.corrections.changed).toBeGreaterThan(DEVICES.length * 40);
    expect(dry.openWindows).toBe(0);
    await expectByHand([MINUTE], 0, TO);
    const done = await replay(TO);
    expect(done.corrections).toEqual(dry.corrections);
    await expectByHand([MINUTE], 5 * MINUTE, TO);
    expect(await replay(TO)).toMatchObject({ corrections: { changed: 0, added: 0, withdrawn: 0 }, hash: done.hash });
  });

  it("leaves windows alone that may still change, and corrects them when they are over", async () => {
    const to = Math.floor((START + published * STEP) / MINUTE) * MINUTE;
    const early = await replay(to);
    expect(early.openWindows).toBeGreaterThan(0);
    await publish(240);
    expect((await replay(to)).openWindows).toBe(0);
    await expectByHand([MINUTE], 5 * MINUTE, to);
  });

  it("goes on where a kill -9 has left it: old sizes leave, new ones come, the same rows as in one go", async () => {
    await setType(5 * MINUTE, [2 * MINUTE, 10 * MINUTE]);
    const dry = await replay(TO, "--dry-run");
    expect(dry.corrections).toMatchObject({ changed: 0, added: DEVICES.length * 36, withdrawn: DEVICES.length * 60 });
    const begun = await api.create<ReplayStatus>("/functions/aggregate/replay", { from: START, to: TO });
    for (let status = begun; status.state === "running" && corrected(status) === 0;) {
      status = await api.get<ReplayStatus>("/replay");
    }
    await instance.kill();
    instance = await startInstance({ data: directory.path });
    await settled(api, 60_000);
    const left = await replay(TO);
    expect(corrected(left)).toBeLessThan(corrected(dry));
    expect(left.hash).toBe(dry.hash);
    await expectByHand([2 * MINUTE, 10 * MINUTE], 5 * MINUTE, TO);
    for (const device of DEVICES) expect(await stored(device, MINUTE, TO)).toEqual([]);
    expect(await replay(TO)).toMatchObject({ corrections: { changed: 0, added: 0, withdrawn: 0 }, hash: dry.hash });
  });

  it("brings nothing back of a device that was removed, also when there is one of its name again", async () => {
    expect((await command("devices", "remove", "meter-2", "--yes")).code).toBe(0);
    await settled(api, 60_000);
    await setType(5 * MINUTE, [MINUTE]);
    await replay(TO);
    await api.post("/devices/import", { devices: [imported("meter-2")] });
    await settled(api, 60_000);
    await replay(TO);
    for (const size of [MINUTE, 2 * MINUTE]) expect(await stored("meter-2", size, TO)).toEqual([]);
    await expectByHand([MINUTE], 5 * MINUTE, TO, ["meter-1", "meter-3"]);
    expect(corrected(await replay(TO))).toBe(0);
  });

  it("says what it cannot do", async () => {
    const range = ["--from", String(START), "--to", String(START + 1)];
    const says = async (...args: string[]) => (await command("replay", ...args)).stderr;
    expect(await says("aggregates", ...range)).toMatch(/there is no function "aggregates"/);
    expect(await says("clean", ...range)).toMatch(/of the stock functions only aggregate can be replayed, not clean/);
    expect(await says("aggregate@2", ...range)).toMatch(/the stock function aggregate has no version 2/);
    expect(await says("aggregate", "--from", String(Date.now() + MINUTE))).toMatch(/range is empty/);
  });
});
