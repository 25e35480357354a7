import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allTexts, at, readRecords } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";

const CHILD = fileURLToPath(new URL("./log-child.ts", import.meta.url));
const ROUNDS = 10;

interface Acknowledged {
  readonly appends: [partition: number, offset: number, name: string][];
  readonly units: number[];
}

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "millrace-kill-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Lets a child write for `writeMs` after it is ready, kills it, and returns what it had acknowledged. */
async function writeAndKill(run: number, writeMs: number): Promise<Acknowledged> {
  const child = spawn(process.execPath, [CHILD, directory, String(run)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let output = "";
  child.stdout.setEncoding("utf8");
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      if (output.includes("\n")) resolve();
    });
  });
  await Promise.race([ready, exited]);
  await delay(writeMs);
  child.kill("SIGKILL");
  await exited;
  // The last line may be cut off; what it said was not acknowledged to anybody.
  const lines = output.slice(0, output.lastIndexOf("\n")).split("\n");
  const said = lines.map((line): { append?: Acknowledged["appends"][number]; unit?: number } => JSON.parse(line));
  return {
    appends: said.flatMap(({ append }) => (append === undefined ? [] : [append])),
    units: said.flatMap(({ unit }) => (unit === undefined ? [] : [unit])),
  };
}

async function readNames(log: EmbeddedLog, topic: string, partition: number): Promise<string[]> {
  const { partitions } = await log.status();
  const end = partitions.find((one) => one.topic === topic && one.partition === partition)?.endOffset ?? 0;
  const slices = await readRecords(log.openReader([at(topic, partition, 0)]), end);
  const offsets = slices.flatMap((slice) => slice.records.map(({ offset }) => offset));
  expect(offsets).toEqual(Array.from({ length: end }, (_, offset) => offset));
  return allTexts(slices).map((value) => value.slice(0, value.indexOf(" ")));
}

test("a writer that is killed again and again loses nothing that it acknowledged", { timeout: 120_000 }, async () => {
  const appends: Acknowledged["appends"] = [];
  let units = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await writeAndKill(round, 20 + 13 * round);
    appends.push(...acknowledged.appends);
    units = Math.max(units, (acknowledged.units.at(-1) ?? -1) + 1);
    const log = await openTestLog(directory);
    const names = await Promise.all([0, 1, 2, 3].map((partition) => readNames(log, "telemetry", partition)));
    for (const [partition, offset, name] of appends) expect(names[partition]?.[offset]).toBe(name);
    // Units and their outputs land together or not at all, and in order.
    const { entries } = await log.claim({ name: "stage:main", partition: 0 });
    const bodies = entries.map(({ body }) => Number(new TextDecoder().decode(body)));
    expect(bodies).toEqual(bodies.map((_, unit) => unit));
    expect(bodies.length).toBeGreaterThanOrEqual(units);
    expect(await readNames(log, "readings", 0)).toEqual(bodies.map((unit) => `u${unit}`));
    await log.close(AbortSignal.timeout(5000));
  }
  expect(appends.length).toBeGreaterThan(ROUNDS);
  expect(units).toBeGreaterThan(ROUNDS);
});
