import { parseJson } from "../../core/parse-json.ts";
import { isReading } from "../../core/is-reading.ts";
import { madeControlRecord, madeRecord, recordAt } from "../../core/made-record.ts";
import { runRecords } from "../../kit/run-records.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { backtest } from "./backtest.ts";
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

/** Runs both versions of each function over the readings, each from no state, into nothing. At the end every device's time moves to `to`. */
export async function compareVersions(request: ComparisonRequest): Promise<VersionComparison[]> {
  const compared: VersionComparison[] = [];
  for (const versions of request.versions) compared.push(await compareTwo(request, versions));
  return compared;
}

async function compareTwo(request: ComparisonRequest, versions: ComparedVersions): Promise<VersionComparison> {
  const { configuration, from, to } = request;
  const { function: name, before, after } = versions;
  const past = request.partitions.map(pastReadings);
  const known = past.map((readings) => outcomeOf(request, name, before, readings));
  const history: ReadingHistory = {
    place: "the log",
    isExact: true,
    since: from,
    configuration,
    async *read() {
      for (const [index, readings] of past.entries()) {
        yield readings;
        yield known[index]?.derived ?? [];
      }
    },
    close: async () => undefined,
  };
  // Event time may be any: receive time has chosen the readings.
  const report = await backtest([theFunction(after.code, name)], history, { from: 0, to });
  const { equal, changed, new: onlyAfter, missing: onlyBefore, examples } = report.compared;
  return {
    function: name,
    before: before?.version ?? null,
    after: after.version,
    from,
    to,
    readings: report.readings,
    deadLettersBefore: known.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
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

/** Offsets from 1: what was configured before stands in front. */
function pastReadings({ partition, records }: PastPartition): readonly PastReading[] {
  return records.flatMap((fields, index) => {
    const reading = parseJson(fields.value);
    if (!isReading(reading)) return [];
    return [{ partition, record: madeRecord({ offset: index + 1, ...fields, headers: [] }), reading, maker: null }];
  });
}

interface Outcome {
  /** As if they were stored. */
  readonly derived: readonly PastReading[];
  readonly deadLetters: number;
}

function outcomeOf(
  { configuration, to }: ComparisonRequest,
  name: string,
  version: VersionCode | null,
  past: readonly PastReading[],
): Outcome {
  const [first] = past;
  if (version === null || first === undefined) return { derived: [], deadLetters: 0 };
  const { types, devices, tables = [] } = configuration;
  const snapshot = { types: [...types], rules: [], tables: [...tables], devices: [...devices] };
  const last = past.at(-1)?.record ?? first.record;
  const { outputs } = runRecords(
    [
      madeControlRecord(0, 0, { v: 1, kind: "config-snapshot", revision: 1, ...snapshot }),
      ...past.map(({ record }) => record),
      madeControlRecord(last.offset + 1, Math.max(last.timestamp, to), { v: 1, kind: "flush", upTo: to }),
    ],
    [theFunction(version.code, name)],
  );
  const derived = outputs.flatMap(({ topic, record }): PastReading[] => {
    const reading = topic === "readings" ? parseJson(record.value) : null;
    if (!isReading(reading) || reading.ts >= to) return [];
    return [{ partition: first.partition, record: recordAt(record, last.offset), reading, maker: name }];
  });
  return { derived, deadLetters: outputs.filter(({ topic }) => topic === "dead-letters").length };
}

/** The registry has checked that the code exports it. */
function theFunction(code: string, name: string): StageFunction {
  const found = loadFunctions(code).find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`the code exports no function "${name}"`);
  return found;
}
