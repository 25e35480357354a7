import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../app/config.ts";
import { bundleFunctions } from "../../app/functions/bundle.ts";
import { buildThreads } from "../../app/thread-bundle/build-threads.ts";
import { findBundle } from "../../app/thread-bundle/manifest.ts";
import { createCallMarks } from "../../app/threads/call-marks.ts";
import { spawnFunctionsThread } from "../../app/threads/spawn-functions-thread.ts";
import { silentLogger } from "../../core/logger.ts";
import { HEADER } from "../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { openLogDirectory, visitTopic } from "../support/log-dump.ts";
import { eventually } from "../support/stage-on-log.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { RecordInput } from "../../core/record.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const T0 = Date.UTC(2026, 0, 1);

/** Fails in each of the ways that leave another stack: the author's line, a line of the kit, one of zod's between two of the author's. */
const FUNCTIONS = `
import { defineMap, defineStream, z } from "millrace/function";
class TooHigh extends Error {}
function check(value: number): number {
  if (value > 100) throw new TooHigh("too high: " + value);
  return value;
}
const even = z.number().refine((value) => { if (value < 0) throw new RangeError("below zero"); return value % 2 === 0; });
export const own = defineMap({ name: "own", input: z.object({ a: z.number() }), process: ({ metrics }) => ({ b: check(metrics.a) }) });
export const kit = defineMap({ name: "kit", input: z.object({ a: z.number() }), process: () => ({ b: Number.NaN }) });
export const parsed = defineMap({ name: "parsed", input: z.object({ a: z.number() }), process: ({ metrics }) => ({ c: even.parse(metrics.a) }) });
export const inInput = defineMap({ name: "in-input", input: z.object({ a: even }), process: ({ metrics }) => ({ d: metrics.a }) });
export const kept = defineStream({
  name: "kept", input: z.object({ a: z.number() }), state: z.object({ n: z.number().max(0) }), initial: () => ({ n: 0 }),
  process: ({ metrics }) => ({ state: { n: metrics.a } }),
});
`;
const VALUES = [101, -1, 3];
/** Dead letters and readings that the functions make of the values. */
const OUTCOMES = 12;

let directory: ReturnType<typeof temporaryDirectory>;
let log: EmbeddedLog;
let entry: string;

beforeAll(async () => {
  await buildThreads(ROOT);
  const found = findBundle(ROOT);
  if (found.entry === null) throw new Error(found.text);
  entry = found.entry;
});
beforeEach(async () => {
  directory = temporaryDirectory();
  log = await openLogDirectory(join(directory.path, "log"), 1);
});
afterEach(async () => {
  await log.close(AbortSignal.timeout(5000));
  directory.dispose();
});

describe("a thread of users' functions that starts from the bundle", () => {
  it("makes the readings and the dead letters that it makes from the sources, with the same stacks", async () => {
    await deploy(FUNCTIONS);
    for (const [n, a] of VALUES.entries()) await log.append("readings", 0, [readingOf(n, a)]);
    const bundled = await outcome(pathToFileURL(entry));
    await log.close(AbortSignal.timeout(5000));
    directory.dispose();

    directory = temporaryDirectory();
    log = await openLogDirectory(join(directory.path, "log"), 1);
    await deploy(FUNCTIONS);
    for (const [n, a] of VALUES.entries()) await log.append("readings", 0, [readingOf(n, a)]);
    const plain = await outcome(null);
    expect(bundled).toEqual(plain);
    expect(bundled.letters).toHaveLength(10);
    const stacks = bundled.letters.map(({ stack }) => String(stack)).join("\n");
    expect(stacks).toMatch(/at check \(bundle\.js:\d+:\d+\)/);
    expect(stacks).toMatch(/define-map\.ts:\d+:\d+/);
    expect(stacks).not.toMatch(/functions\.js|chunk/);
  });

  it("loads what is loaded when it is needed, such as Kafka's clients, from the bundle too", async () => {
    // Neither threads nor the process that checks code, which ends its process when nobody asks for anything.
    const isPart = (file: string) => file.endsWith(".js") && !/^(function|confined-host)/.test(file);
    const parts = readdirSync(dirname(entry)).filter(isPart);
    expect(parts.join(" ")).toMatch(/open-kafka.*platformatic-client/);
    const imports = parts.map(
      (file) => `await import(${JSON.stringify(pathToFileURL(join(dirname(entry), file)).href)});`,
    );
    const script = join(directory.path, "all-parts.mjs");
    writeFileSync(script, imports.join("\n"));
    const worker = new Worker(script);
    const code = await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
    expect(code).toBe(0);
  });
});

describe("a bundle that does not come up", () => {
  it("is given up with the reason, and the next thread starts from the sources", async () => {
    const broken = join(directory.path, "functions.js");
    writeFileSync(broken, `import { nothing } from "./nothing.js";`);
    const reasons: string[] = [];
    let current: URL | null = pathToFileURL(broken);
    const bundle = {
      entry: () => current,
      giveUp(reason: string) {
        reasons.push(reason);
        current = null;
      },
    };
    const { ended } = spawn(bundle);
    expect(await ended).toBeInstanceOf(Error);
    expect(reasons).toEqual([expect.stringContaining("nothing.js")]);
    const { thread } = spawn(bundle);
    await thread.call("start");
    await thread.call("stop", 5000);
    await thread.worker.terminate();
    expect(reasons).toHaveLength(1);
  });

  it("is not given up for a thread that ends after it has begun to work", async () => {
    const reasons: string[] = [];
    const bundle = { entry: () => pathToFileURL(entry), giveUp: (reason: string) => void reasons.push(reason) };
    const { thread, ended } = spawn(bundle);
    await thread.call("start");
    await thread.worker.terminate();
    await ended;
    expect(reasons).toEqual([]);
  });
});

function spawn(bundle: Parameters<typeof spawnFunctionsThread>[2]) {
  const config = readConfig({ data: directory.path, partitions: 1 }, {}, {});
  const connect = () => {
    const connection = log.connect();
    return { access: { kind: "embedded" as const, connection }, transfer: [connection.port] };
  };
  return spawnFunctionsThread(
    { config, log: { connect }, stage: FUNCTIONS_STAGE, partitions: [0], memberId: "", logger: silentLogger },
    {
      marks: createCallMarks(),
      suspicions: { calls: [], search: false },
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    },
    bundle,
  );
}

/** What a thread makes of what is in the log, up to the last function's outcome of the last reading. */
async function outcome(start: URL | null) {
  const { thread } = spawn({ entry: () => start, giveUp: () => undefined });
  await thread.call("start");
  const isDone = async () => {
    const { letters, readings } = await made();
    return letters.length + readings.length >= OUTCOMES;
  };
  await eventually(isDone, 20_000);
  await thread.call("stop", 5000);
  await thread.worker.terminate();
  return made();
}

async function made() {
  const letters: Record<string, unknown>[] = [];
  const readings: unknown[] = [];
  await visitTopic(log, "dead-letters", (record) => letters.push(parseLetter(record.value)));
  await visitTopic(log, "readings", (record) => {
    if (record.header(HEADER.source)?.startsWith("functions") === true)
      readings.push(JSON.parse(Buffer.from(record.value).toString()));
  });
  return { letters, readings };
}

/** What is called through a namespace has that as its receiver, which a bundle does not have: zod's own calls, and nothing else. */
function parseLetter(value: Uint8Array): Record<string, unknown> {
  const letter: Record<string, unknown> = JSON.parse(Buffer.from(value).toString());
  const stack = String(letter["stack"]).replaceAll(/at Module\.<anonymous> \((.*)\)/g, "at $1");
  return { ...letter, stack: stack.replaceAll("at Module.", "at ") };
}

async function deploy(source: string): Promise<void> {
  const file = join(directory.path, "functions.ts");
  writeFileSync(file, source);
  const { code, hash } = await bundleFunctions(file);
  for (const name of ["own", "kit", "parsed", "in-input", "kept"]) {
    const control = { v: 1, kind: "deploy", revision: 1, stage: "functions", removed: false };
    const value = Buffer.from(JSON.stringify({ ...control, function: { name, version: 1, hash, code } }));
    await log.append("readings", 0, [{ timestamp: T0, key: null, value, headers: [[HEADER.controlKind, "deploy"]] }]);
  }
}

function readingOf(n: number, a: number): RecordInput {
  const at = T0 + n * 1000;
  const reading = { v: 1, tenant: "default", device: "d", ts: at, received: at, metrics: { a } };
  return {
    timestamp: at,
    key: "default/d",
    value: Buffer.from(JSON.stringify(reading)),
    headers: [
      [HEADER.source, `main telemetry 0 1 ${n} 0 0`],
      [HEADER.functionVersion, "clean@1"],
    ],
  };
}
