import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backtestInThreads, type ThreadedReport } from "../../app/functions/backtest-in-threads.ts";
import { openLogHistory } from "../../app/functions/history/log-history.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { damageRecord } from "../support/damaged-log.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";
import { appendReadings, writeReadingLog, type LoggedReading } from "../support/reading-log.ts";
import { eventually } from "../support/stage-on-log.ts";
import type { ReadingHistory } from "../../app/functions/history/reading-history.ts";

const MILLRACE = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url));
const PARTITIONS = 8;
const START = Date.UTC(2026, 0, 31, 12);
const SECOND = 1000;
const RANGE = { from: START, to: START + 3600 * SECOND };
const RANGE_FLAGS = ["--from", String(RANGE.from), "--to", String(RANGE.to)];
const DEVICES = Array.from({ length: 24 }, (_, device) => `room-${device}`);
const PER_DEVICE = 40;

const kit = 'const { defineMap, defineStream, defineJoin, tumbling, z } = require("millrace/function");\n';
/** Code of each kind of function; what is thrown comes from several partitions, with text of the device's own in it. */
const KINDS = {
  map: `exports.doubled = defineMap({
    name: "doubled",
    input: z.object({ a: z.number() }),
    process({ metrics: { a } }, { device }) {
      if (a % 13 === 5) throw new RangeError("not " + a + " of " + device);
      return { doubled: a * 2, odd: a % 2 === 1, text: "of ü " + a };
    },
  });`,
  stream: `exports.counts = defineStream({
    name: "counts",
    input: z.object({ a: z.number() }),
    state: z.object({ n: z.number() }),
    initial: () => ({ n: 0 }),
    process({ metrics: { a } }, { n }, context) {
      if (a % 10 === 0) context.event("ten times " + a);
      return { state: { n: n + 1 }, emit: { n: n + 1 } };
    },
  });`,
  window: `exports.sums = defineStream({
    name: "sums",
    input: z.object({ a: z.number() }),
    window: tumbling("10s"),
    accumulator: z.object({ sum: z.number() }),
    initial: () => ({ sum: 0 }),
    add: ({ sum }, { metrics: { a } }) => ({ sum: sum + a }),
    result: ({ sum }) => ({ sum }),
  });`,
  join: `exports.pairs = defineJoin({
    name: "pairs",
    key: () => "line-1",
    left: { input: z.object({ a: z.number() }) },
    right: { input: z.object({ b: z.number() }) },
    within: "1s",
    allowedLateness: "1h",
    join: (left, right) => ({ sum: left.metrics.a + right.metrics.b }),
  });`,
};

/** A device of another tenant has the id of one of this. */
const SENT: readonly LoggedReading[] = ["default", "other"].flatMap((tenant) =>
  DEVICES.flatMap((device, place) =>
    Array.from({ length: tenant === "other" && place > 5 ? 0 : PER_DEVICE }, (_, n): LoggedReading => {
      const ts = START + n * SECOND;
      const metrics = place % 2 === 0 ? { a: n + place, c: true } : { a: n, b: n };
      return { tenant, device, ts, received: ts + 20 + ((place * 7) % 5), metrics };
    }),
  ),
);

/** What the functions have made live of some devices: as they would now, and otherwise. */
const STORED: readonly LoggedReading[] = DEVICES.slice(0, 9).flatMap((device, place) => {
  const at = (n: number): number => START + n * SECOND;
  return [
    { device, ts: at(1), metrics: { doubled: (1 + (place % 2 === 0 ? place : 0)) * 2, odd: true }, maker: "doubled@1" },
    { device, ts: at(2), metrics: { doubled: 99 }, maker: "doubled@1" },
    { device, ts: at(2) + 1, metrics: { doubled: 1 }, maker: "doubled@1" },
    { device, ts: at(3), metrics: { n: 4 }, maker: "counts@1" },
    { device, ts: at(9) + 999, metrics: { sum: place % 2 === 0 ? 45 + 10 * place : 1 }, maker: "sums@1" },
  ];
});

const directory = temporaryDirectory();
const data = join(directory.path, "data");
beforeAll(async () => {
  const log = await writeReadingLog(data, SENT, PARTITIONS);
  await appendReadings(log, STORED);
  await log.close(AbortSignal.timeout(5000));
});
afterAll(() => directory.dispose());

async function run(source: string, threads: number | null, from = data): Promise<ThreadedReport> {
  const history = await openLogHistory(from);
  try {
    return await runOver(source, threads, history);
  } finally {
    await history.close();
  }
}

function runOver(source: string, threads: number | null, history: ReadingHistory): Promise<ThreadedReport> {
  const code = kit + source;
  return backtestInThreads({ code, functions: loadFunctions(code), history, range: RANGE, threads });
}

const timeless = (report: ThreadedReport) => ({ ...report, elapsedMs: 0, threads: 0 });

describe("a backtest in several threads", { timeout: 120_000 }, () => {
  it.each(["map", "stream", "window"] as const)(
    "gives the same report of a %s, whatever their number",
    async (kind) => {
      const alone = await run(KINDS[kind], 1);
      expect(alone.threads).toBe(1);
      expect(alone.compared.examples).toHaveLength(10);
      expect(Math.min(alone.compared.equal, alone.compared.new)).toBeGreaterThan(0);
      for (const threads of [2, 3, PARTITIONS]) {
        const report = await run(KINDS[kind], threads);
        expect(report.threads).toBe(threads);
        expect(timeless(report)).toEqual(timeless(alone));
      }
    },
  );

  it("tells of each fault once, with what was received first of all partitions", async () => {
    const { faults, deadLetters } = await run(KINDS.map, 5);
    const failing = SENT.filter(({ metrics: { a } }) => Number(a) % 13 === 5);
    const received = Math.min(...failing.map((reading) => reading.received ?? 0));
    expect(deadLetters).toBe(failing.length);
    expect(faults).toMatchObject([{ count: failing.length, first: { errorClass: "RangeError", received } }]);
  });

  it("keeps devices of two tenants apart that have the same id", async () => {
    const { compared, emitted } = await run(KINDS.stream, 4);
    const { equal, changed, new: fresh } = compared;
    expect(equal + changed + fresh).toBe(emitted);
  });

  it("has no more of them than partitions that hold something, and one of what is little", async () => {
    expect((await run(KINDS.map, 64)).threads).toBe(PARTITIONS);
    expect((await run(KINDS.map, null)).threads).toBe(1);
  });

  it("joins in one", async () => {
    const { threads, emitted, hash } = await run(KINDS.join, 4);
    expect(threads).toBe(1);
    expect(emitted).toBeGreaterThan(100);
    expect((await run(KINDS.join, 1)).hash).toBe(hash);
  });

  it("passes over a damaged record as one does", async () => {
    const damaged = join(directory.path, "damaged");
    const log = await writeReadingLog(damaged, SENT, PARTITIONS);
    // One batch of one partition.
    const tail = { device: "room-3", ts: START + 50 * SECOND, metrics: { a: 123_456 } };
    await appendReadings(log, [tail]);
    await log.close(AbortSignal.timeout(5000));
    const whole = await run(KINDS.stream, 3, damaged);
    await damageRecord(join(damaged, "log"), "123456");
    const [alone, three] = [await run(KINDS.stream, 1, damaged), await run(KINDS.stream, 3, damaged)];
    expect(alone.readings).toBe(whole.readings - 1);
    expect(timeless(three)).toEqual(timeless(alone));
  });

  it("reads the log as it was when it was opened, while an instance goes on writing", async () => {
    const growing = join(directory.path, "growing");
    const log = await writeReadingLog(growing, SENT, PARTITIONS);
    const history = await openLogHistory(growing);
    const more = DEVICES.map((device) => ({ device, ts: START + 60 * SECOND, metrics: { a: 1 } }));
    await appendReadings(log, more);
    const [alone, three] = [await runOver(KINDS.map, 1, history), await runOver(KINDS.map, 3, history)];
    await history.close();
    expect(alone.readings).toBe(SENT.length);
    expect(timeless(three)).toEqual(timeless(alone));
    expect((await run(KINDS.map, 3, growing)).readings).toBe(SENT.length + more.length);
    await log.close(AbortSignal.timeout(5000));
  });
});

/** Reaches the process, which is hidden from honest code. */
const HOSTILE = `const real = [].constructor.constructor("return process")();
const { isMainThread } = real.getBuiltinModule("node:worker_threads");
const later = [].constructor.constructor("return queueMicrotask")();
const fs = real.getBuiltinModule("node:fs");
`;
const hostileMap = (text: string): string => `${HOSTILE}
exports.hostile = defineMap({
  name: "hostile",
  input: z.object({ a: z.number() }),
  process({ metrics: { a } }) {
    ${text}
    return { doubled: a };
  },
});`;

describe("a backtest of what does not behave", { timeout: 120_000 }, () => {
  const fileOf = (name: string, source: string): string => {
    const file = join(directory.path, `${name}.ts`);
    writeFileSync(
      file,
      source
        .replace(/^/, 'import { defineMap, z } from "millrace/function";\n')
        .replace("exports.hostile =", "export const hostile ="),
    );
    return file;
  };

  it("is an error when a thread ends in the middle of it", async () => {
    const source = hostileMap("if (!isMainThread && a === 20) real.exit(3);");
    await expect(run(source, 3)).rejects.toMatchObject({
      code: "FUNCTION_INVALID",
      message: "a thread of the backtest has ended before it was done: with the code 3",
      remedy: expect.stringContaining("Look for what ends the process"),
    });
    // What it would have been in this thread alone is none.
    expect((await run(source, 1)).emitted).toBe(SENT.length);
  });

  it("is an error when a thread dies of what the engine cannot catch", async () => {
    const source = hostileMap("if (!isMainThread) later(() => { throw new Error('later'); });");
    await expect(run(source, 3)).rejects.toThrow(/^a thread of the backtest has ended before it was done: .*later/);
  });

  it("keeps code and remedy of what a thread says", async () => {
    const source = `${HOSTILE} if (!isMainThread) throw new Error("not here");${KINDS.map}`;
    await expect(run(source, 2)).rejects.toMatchObject({
      code: "FUNCTION_INVALID",
      message: "it throws when it is loaded: not here",
      remedy: "Correct the file and deploy again.",
    });
  });

  it.each(["1", "3"])(
    "says as a command, with --threads %s, that a function has ended the process",
    async (threads) => {
      const where = threads === "1" ? "isMainThread" : "!isMainThread";
      const file = fileOf("exits", hostileMap(`if (${where} && a === 20) real.exit(0);`));
      const { code, stdout, stderr } = await runMillraceAsync(
        ["backtest", file, ...RANGE_FLAGS, "--threads", threads],
        { MILLRACE_DATA: data },
      );
      expect(stderr).toMatch(
        /^millrace: a thread of the backtest has ended before it was done: with the code 0\. Look for what ends the process/,
      );
      expect(stdout).toBe("");
      expect(code).toBe(2);
    },
  );

  it("ends at once with Ctrl-C, all threads, also when none of them ever returns", async () => {
    const file = fileOf("hangs", hostileMap('fs.writeSync(2, "hangs\\n"); for (;;) {}'));
    const args = [MILLRACE, "backtest", file, ...RANGE_FLAGS, "--threads", "3"];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, MILLRACE_DATA: data },
    });
    const exited = once(child, "exit");
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    try {
      await eventually(async () => stderr.split("hangs\n").length > 3, 60_000);
      child.kill("SIGINT");
      expect(await exited).toEqual([null, "SIGINT"]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
