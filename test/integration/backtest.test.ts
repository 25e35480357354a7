import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backtest } from "../../app/functions/backtest.ts";
import { bundleFunctions } from "../../app/functions/bundle.ts";
import { openLogHistory } from "../../app/functions/history/log-history.ts";
import { isReading } from "../../core/is-reading.ts";
import { parseJson } from "../../core/parse-json.ts";
import { REPLAY_STAGE, stageJournalName } from "../../core/stage.ts";
import { HEADER } from "../../core/record.ts";
import { visitTopic } from "../support/log-dump.ts";
import { parseSample } from "../../kit/sample.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";
import { appendReadings, writeReadingLog, type LoggedReading } from "../support/reading-log.ts";
import type { BacktestReport } from "../../app/functions/backtest-report.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";

/** A log beside which functions are run: what they would have made of it, and what they have made. */
const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;
const RANGE = { from: START, to: START + 100 * MINUTE };
const DEVICES = ["room-1", "room-2", "room-3"];

const FUNCTION = `
import { defineMap, z } from "millrace/function";
export const dew = defineMap({
  name: "dew",
  input: z.object({ temperature: z.number() }),
  select: { type: "cold-room", labels: { site: "north" } },
  process({ metrics: { temperature } }) {
    if (temperature > 90) throw new RangeError("too hot");
    return { dew: temperature - 5 };
  },
});
`;

const SENT: readonly LoggedReading[] = DEVICES.flatMap((device) =>
  Array.from({ length: 100 }, (_, minute) => ({
    device,
    ts: START + minute * MINUTE,
    received: START + minute * MINUTE + 20,
    metrics: { temperature: minute, door: false },
  })),
);

const stored = (device: string, minute: number, dew: number): LoggedReading => ({
  device,
  ts: START + minute * MINUTE,
  metrics: { dew },
  maker: "dew@1",
});

let directory: ReturnType<typeof temporaryDirectory>;
let log: EmbeddedLog;
let data: string;
let file: string;
beforeAll(async () => {
  directory = temporaryDirectory();
  data = join(directory.path, "data");
  file = join(directory.path, "dew.ts");
  writeFileSync(file, FUNCTION);
  log = await writeReadingLog(data, SENT);
  // One as it would be now, one that is not, and one of a time at which nothing was sent.
  await appendReadings(log, [
    stored("room-1", 1, -4),
    stored("room-1", 2, 99),
    { ...stored("room-1", 3, 1), ts: START + 1 },
  ]);
  // What another function derived counts as a reading, for who wants it.
  await appendReadings(log, [{ device: "room-2", ts: START, metrics: { other: 1 }, maker: "other@1" }]);
});
afterAll(async () => {
  await log.close(AbortSignal.timeout(1000));
  directory.dispose();
});

async function sourcesOf(maker: string, ts: number): Promise<readonly string[]> {
  const sources: string[] = [];
  await visitTopic(log, "readings", (record) => {
    const value = parseJson(record.value);
    if (record.header(HEADER.functionVersion) !== maker || !isReading(value) || value.ts !== ts) return;
    sources.push(record.header(HEADER.source) ?? "");
  });
  return sources;
}

async function run(range = RANGE): Promise<BacktestReport> {
  const { code } = await bundleFunctions(file);
  const history = await openLogHistory(data);
  try {
    return await backtest(loadFunctions(code), history, range);
  } finally {
    await history.close();
  }
}

test("says what the function would make of the past, and how that differs from what is stored", async () => {
  const report = await run();
  expect(report).toMatchObject({ readings: 301, skipped: 1, emitted: 273, deadLetters: 27, events: 0 });
  expect(report.faults).toMatchObject([{ count: 27, first: { errorClass: "RangeError", error: "too hot" } }]);
  expect(report.compared).toMatchObject({ equal: 1, changed: 1, new: 271, missing: 1 });
  expect(report.compared.examples.slice(0, 3)).toEqual([
    { device: "room-1", ts: START, metric: "dew", emitted: -5 },
    { device: "room-1", ts: START + 1, metric: "dew", stored: 1 },
    { device: "room-1", ts: START + 2 * MINUTE, metric: "dew", stored: 99, emitted: -3 },
  ]);
});

test("the same range twice gives the same bytes, also when the log has grown; another range gives others", async () => {
  const first = await run();
  await appendReadings(log, [{ device: "room-1", ts: RANGE.to + MINUTE, metrics: { temperature: 1 } }]);
  expect((await run()).hash).toBe(first.hash);
  expect((await run({ ...RANGE, to: RANGE.to - MINUTE })).hash).not.toBe(first.hash);
});

test("as a command, of a log that another process has open", async () => {
  const range = ["--from", "2026-01-31T12:00:00Z", "--to", String(RANGE.to)];
  const { code, stdout, stderr } = await runMillraceAsync(["backtest", file, ...range], { MILLRACE_DATA: data });
  expect(stderr).toBe("");
  expect(stdout).toMatch(
    /^dew of .*dew\.ts\nover 2026-01-31T12:00:00\.000Z to 2026-01-31T13:40:00\.000Z of the log in /,
  );
  expect(stdout).toContain("compared      1 values as stored, 1 changed, 271 new, 1 missing");
  expect(stdout).toMatch(
    / {2}27 × RangeError: too hot .*dew\.ts:8:33\); first of room-\d, received 2026-01-31T13:31:00/,
  );
  expect(stdout).toMatch(/\n {2}2026-01-31T12:02:00\.000Z room-1 dew: 99 → -3\n/);
  expect(stdout).toContain(`outputs       sha256 ${(await run()).hash}`);
  expect(code).toBe(0);
});

test("a fixture is what devices sent, with their type and labels", async () => {
  const args = ["record", "--device", "room-3", "--from", String(START), "--to", String(START + 2 * MINUTE)];
  const { code, stdout, stderr } = await runMillraceAsync(args, { MILLRACE_DATA: data });
  expect(stderr).toMatch(/^millrace: 2 readings of 1 device, of the log in /);
  expect(code).toBe(0);
  const [type, device, ...readings] = parseSample(stdout);
  expect(type).toMatchObject({ deviceType: { id: "cold-room" } });
  expect(device).toMatchObject({ configure: "room-3", type: "cold-room", labels: { site: "north" } });
  expect(readings).toEqual(
    [0, 1].map((minute) => ({
      device: "room-3",
      ts: START + minute * MINUTE,
      received: START + minute * MINUTE + 20,
      metrics: { temperature: minute, door: false },
    })),
  );
});

test("what cannot be is said in one sentence", async () => {
  const nothing = await runMillraceAsync(["backtest", file], { MILLRACE_DATA: join(directory.path, "none") });
  expect(nothing.stderr).toMatch(/^millrace: there is no log in .*none\/log\. Name the data directory/);
  const backwards = await runMillraceAsync(["record", "--from", "2026-01-02", "--to", "2026-01-01"], {
    MILLRACE_DATA: data,
  });
  expect(backwards).toMatchObject({
    code: 2,
    stderr: "millrace: --from is not before --to. See millrace record --help.\n",
  });
});

test("compares with what a replay has left, and not with what stood there before", async () => {
  const before = await run();
  const [was = ""] = await sourcesOf("dew@1", START + MINUTE);
  await log.claim({ name: stageJournalName(REPLAY_STAGE), partition: 0 });
  await appendReadings(log, [{ ...stored("room-1", 1, 0), metrics: {}, replaces: was }]);
  const { compared } = await run();
  expect(compared).toMatchObject({ ...before.compared, equal: 0, new: 272, examples: expect.anything() });
});
