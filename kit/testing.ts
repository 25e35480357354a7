import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deepStrictEqual } from "node:assert/strict";
import { aggregateSchema, deadLetterSchema, deviceEventSchema, readingSchema } from "../core/derived-records.ts";
import { MillraceError, errorText, isMillraceError } from "../core/errors.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { findDifference } from "./check-determinism.ts";
import { KEPT_SCHEMA } from "./kept-state.ts";
import { userDetailsOf } from "./user-function.ts";
import { runRecords } from "./run-records.ts";
import { sampleRecords } from "./sample-records.ts";
import { checkSample, parseSample } from "./sample.ts";
import { requireKeepable } from "./kept-schema.ts";
import { requireKnownOptions } from "./unknown-options.ts";
import type { z } from "zod";
import type { Aggregate, DeadLetter, DeviceEvent, Reading } from "../core/derived-records.ts";
import type { StageFunction } from "../core/function.ts";
import type { TopicName } from "../core/topics.ts";
import type { RecordsRun } from "./run-records.ts";
import type { CheckedEntry, SampleEntry } from "./sample.ts";

/** What `millrace test` gives tests of functions. Tests run in the project's folder. */

export interface RunOptions {
  /** Event time to which everything moves behind the sample, UTC ms or ISO 8601: windows and timers up to then are over. */
  readonly until?: number | string;
  /** The type of all the sample's devices, as `millrace apply` takes it. */
  readonly type?: Omit<Extract<SampleEntry, { deviceType: unknown }>["deviceType"], "id"> & { readonly id?: string };
  /** The labels of all the sample's devices. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface FunctionRun {
  /** In the order in which they were emitted. */
  readonly readings: readonly Reading[];
  /** Results of windows: each revision, also those that are no reading any more. */
  readonly aggregates: readonly Aggregate[];
  readonly events: readonly DeviceEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** What the function keeps at the end, by device; of several functions by device and function. */
  readonly state: Readonly<Record<string, unknown>>;
  /** Readings that passed by: they do not match `input`, or are of a device that `select` does not mean. */
  readonly skipped: number;
}

/**
 * Runs a function, or several side by side, over a sample, on the engine that runs it live, in the sample's own time: none of them reads what
 * another makes. Then runs it twice more, the last time with restarts, and throws with the function's name when a byte differs. INVALID_INPUT for what is no sample.
 */
export function runFunction(
  functions: StageFunction | readonly StageFunction[],
  sample: readonly SampleEntry[],
  options: RunOptions = {},
): FunctionRun {
  const list = isList(functions) ? functions : [functions];
  requireKnownOptions(list);
  requireKeepable(list);
  const records = sampleRecords()(withOptions(checkSample(sample), options));
  const { run, skipped } = countSkipped(list, () => runRecords(records, list));
  const difference = findDifference(records, list, run);
  if (difference !== null) {
    throw new MillraceError(
      "FUNCTION_INVALID",
      `${difference.function} is not deterministic: ${difference.text}\nKeep what it remembers in its state, and nothing in variables of the module.`,
    );
  }
  return {
    readings: valuesOf(run, "readings", readingSchema),
    aggregates: valuesOf(run, "aggregates", aggregateSchema),
    events: valuesOf(run, "device-events", deviceEventSchema),
    deadLetters: valuesOf(run, "dead-letters", deadLetterSchema),
    state: stateOf(run, list),
    skipped,
  };
}

/** Recorded traffic: `fixtures/NAME.jsonl`, as `millrace record` writes it. INVALID_INPUT. */
export function fixture(name: string): readonly CheckedEntry[] {
  const file = join("fixtures", `${name}.jsonl`);
  try {
    return parseSample(readFileSync(file, "utf8"));
  } catch (cause) {
    const remedy = isMillraceError(cause) ? (cause.remedy ?? "") : "Record it with: millrace record.";
    throw new MillraceError("INVALID_INPUT", `${file}: ${errorText(cause)}`, { cause, remedy });
  }
}

/**
 * Compares a value with `fixtures/NAME.expected.json`. Where there is no such file it writes it and fails, so that somebody looks at it once;
 * to accept another result, delete the file.
 */
export function expectSame(name: string, value: unknown): void {
  const file = join("fixtures", `${name}.expected.json`);
  const plain: unknown = JSON.parse(JSON.stringify(value));
  if (existsSync(file)) {
    const expected: unknown = JSON.parse(readFileSync(file, "utf8"));
    deepStrictEqual(
      plain,
      expected,
      `not what ${file} says; if it is right now, delete the file and run the tests again`,
    );
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(plain, null, 2)}\n`);
  throw new MillraceError("INVALID_INPUT", `${file} was not there and is written now`, {
    remedy: "Read it, and run the tests again.",
  });
}

function isList(functions: StageFunction | readonly StageFunction[]): functions is readonly StageFunction[] {
  return Array.isArray(functions);
}

/** Configuration goes before the first reading, `until` behind the last. */
function withOptions(entries: readonly CheckedEntry[], { until, type, labels }: RunOptions): readonly CheckedEntry[] {
  const before: SampleEntry[] = [];
  const id = type?.id ?? "test-type";
  if (type !== undefined) before.push({ deviceType: { ...type, id } });
  if (type !== undefined || labels !== undefined) {
    const devices = new Set(entries.flatMap((entry) => ("metrics" in entry ? [entry.device ?? "device-1"] : [])));
    for (const device of devices) {
      before.push({ configure: device, type: type === undefined ? null : id, labels: labels ?? {} });
    }
  }
  const behind: readonly SampleEntry[] = until === undefined ? [] : [{ flush: until }];
  return [...checkSample(before), ...entries, ...checkSample(behind)];
}

function valuesOf<Value>({ outputs }: RecordsRun, topic: TopicName, schema: z.ZodType<Value>): readonly Value[] {
  return outputs
    .filter((output) => output.topic === topic)
    .map(({ record }) => schema.parse(JSON.parse(Buffer.from(record.value).toString())));
}

/** The state as its author wrote it; of what has windows, the windows. */
function stateOf({ slots }: RecordsRun, functions: readonly StageFunction[]): FunctionRun["state"] {
  const byDevice: Record<string, Record<string, unknown>> = {};
  for (const { fn, key, name, value } of slots) {
    const device = parseDeviceKey(key)?.device;
    if (device === undefined || value === null || !functions.some((one) => one.name === fn)) continue;
    const byFunction = (byDevice[device] ??= {});
    const parsed: unknown = JSON.parse(value);
    const kept = name === "state" ? KEPT_SCHEMA.safeParse(parsed).data : undefined;
    const before = byFunction[fn];
    byFunction[fn] =
      kept === undefined ? { ...(typeof before === "object" ? before : {}), [name]: parsed } : kept.state;
  }
  const [only] = functions;
  if (only === undefined || functions.length > 1) return byDevice;
  return Object.fromEntries(Object.entries(byDevice).map(([device, states]) => [device, states[only.name]]));
}

/** Runs, and counts the readings that passed by. The counters are of the function, not of the run. */
function countSkipped(
  functions: readonly StageFunction[],
  run: () => RecordsRun,
): { run: RecordsRun; skipped: number } {
  const skipped = (): number => functions.reduce((sum, fn) => sum + (userDetailsOf(fn)?.counters.skipped ?? 0), 0);
  const before = skipped();
  const made = run();
  return { run: made, skipped: skipped() - before };
}
