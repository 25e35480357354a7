import { madeRecord, recordAt } from "../../core/made-record.ts";
import { readReading } from "../../wire/reading-reader.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { backtest } from "./backtest.ts";
import { mergeByReceiveTime } from "./history/merge-by-receive-time.ts";
import { PastRun } from "./past-run.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { VersionComparison } from "../../core/version-comparison.ts";
import type { DeviceConfiguration, PastReading, ReadingHistory } from "./history/reading-history.ts";

/** A version of a function, or code that is to be one. */
export interface VersionCode {
  readonly version: number | null;
  readonly code: string;
}

export interface ComparedVersions {
  readonly function: string;
  readonly before: VersionCode | null;
  readonly after: VersionCode;
}

export type PastRecord = Pick<LogRecord, "timestamp" | "key" | "value">;

/** Readings that the main stage made, of one partition, in order. Only plain values: it goes to a thread of its own. */
export interface PastPartition {
  readonly partition: number;
  readonly records: readonly PastRecord[];
}

export interface ComparisonRequest {
  readonly versions: readonly ComparedVersions[];
  readonly partitions: readonly PastPartition[];
  readonly configuration: DeviceConfiguration;
  /** Receive time [from, to), UTC ms. */
  readonly from: number;
  readonly to: number;
}

const FAULTS_SHOWN = 5;

/** Runs both versions of each function over the readings, each from no state, into nothing, in the same order. At the end every device's time moves to `to`. */
export async function compareVersions(request: ComparisonRequest): Promise<VersionComparison[]> {
  const compared: VersionComparison[] = [];
  for (const versions of request.versions) compared.push(await compareTwo(request, versions));
  return compared;
}

async function compareTwo(request: ComparisonRequest, versions: ComparedVersions): Promise<VersionComparison> {
  const { configuration, from, to } = request;
  const { function: name, before, after } = versions;
  const code = {
    before: before === null ? null : theFunction(before.code, name),
    after: theFunction(after.code, name),
  };
  const past = await inOrder(request.partitions.map(pastReadings), [code.before, code.after]);
  const known = code.before === null ? NOTHING : outcomeOf(request, code.before, past);
  const read = async function* (): AsyncGenerator<readonly PastReading[], void> {
    yield* past;
    yield known.derived;
  };
  const history: ReadingHistory = {
    place: "the log",
    isExact: true,
    since: from,
    configuration,
    read,
    readByReceiveTime: read,
    close: async () => undefined,
  };
  // Event time may be any: receive time has chosen the readings.
  const report = await backtest([code.after], history, { from: 0, to });
  const { equal, changed, new: onlyAfter, missing: onlyBefore, examples } = report.compared;
  return {
    function: name,
    before: before?.version ?? null,
    after: after.version,
    from,
    to,
    readings: report.readings,
    deadLettersBefore: known.deadLetters,
    deadLettersAfter: report.deadLetters,
    faults: report.faults
      .slice(0, FAULTS_SHOWN)
      .map(({ first: { error, device }, count }) => ({ error, device, count })),
    equal,
    changed,
    onlyAfter,
    onlyBefore,
    examples: examples.map(({ device, ts, metric, stored = null, emitted = null }) => {
      return { device, ts, metric, before: stored, after: emitted };
    }),
  };
}

/** Partition by partition; by receive time where what lies in several is joined. */
async function inOrder(
  partitions: readonly (readonly PastReading[])[],
  functions: readonly (StageFunction | null)[],
): Promise<readonly (readonly PastReading[])[]> {
  if (!functions.some((fn) => fn !== null && isJoin(fn))) return partitions;
  const lanes = partitions.map(async function* (readings): AsyncGenerator<readonly PastReading[], void> {
    yield readings;
  });
  const merged: (readonly PastReading[])[] = [];
  for await (const readings of mergeByReceiveTime(lanes)) merged.push(readings);
  return merged;
}

function pastReadings({ partition, records }: PastPartition): readonly PastReading[] {
  return records.flatMap((fields, index) => {
    const reading = readReading(fields);
    if (reading === null) return [];
    return [{ partition, record: madeRecord({ offset: index + 1, ...fields, headers: [] }), reading, maker: null }];
  });
}

interface Outcome {
  /** As if they were stored. */
  readonly derived: readonly PastReading[];
  readonly deadLetters: number;
}

const NOTHING: Outcome = { derived: [], deadLetters: 0 };

function outcomeOf(
  { configuration, to }: ComparisonRequest,
  fn: StageFunction,
  past: readonly (readonly PastReading[])[],
): Outcome {
  const derived: PastReading[] = [];
  let deadLetters = 0;
  const run = new PastRun([fn], configuration, ({ partition, topic, records }) => {
    if (topic === "dead-letters") deadLetters += records.length;
    if (topic !== "readings") return;
    for (const fields of records) {
      const reading = readReading(fields);
      if (reading === null || reading.ts >= to) continue;
      const record = recordAt(fields, 0);
      derived.push({ partition: partition ?? 0, record, reading, maker: fn.name });
    }
  });
  for (const readings of past) {
    run.take(
      readings[0]?.partition ?? 0,
      readings.map(({ record }) => record),
    );
  }
  run.flushAll(to);
  return { derived, deadLetters };
}

/** The registry has checked that the code exports it. */
function theFunction(code: string, name: string): StageFunction {
  const found = loadFunctions(code).find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`the code exports no function "${name}"`);
  return found;
}
