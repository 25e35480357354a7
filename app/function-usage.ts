import { callTimeMs } from "./call-times.ts";
import { functionsStageName, isFunctionsStage } from "../core/functions-stage.ts";
import type { FunctionUsage } from "../core/function-usage.ts";
import type { StageSettings } from "../core/stage-settings.ts";
import type { MetricSample } from "../core/metrics.ts";

const PREFIX = "millrace_function_";
const TIMED_CALLS = `${PREFIX}timed_calls_total`;
const CPU_SECONDS = `${PREFIX}cpu_seconds_total`;
const MIB_PER_GB = 1e9 / 2 ** 20;

/** As `functionUsage`, of stages that may have memory of their own; others have `memoryMib`. */
export function usageByStage(
  samples: readonly MetricSample[],
  settings: ReadonlyMap<string, Pick<StageSettings, "memoryMib">>,
  memoryMib: number,
): FunctionUsage[] {
  const own = new Map([...settings].map(([stage, one]) => [functionsStageName(stage), one.memoryMib]));
  return functionUsage(samples, (stage) => own.get(stage) ?? memoryMib);
}

/** Adds the samples of all threads up, by version. `memoryMib`: what a thread of that stage may have. */
function functionUsage(samples: readonly MetricSample[], memoryMib: (stage: string) => number): FunctionUsage[] {
  const byVersion = new Map<string, FunctionUsage>();
  const stateBytes = new Map<string, number>();
  const timed = new Map<string, Map<number, number>>();
  const stageMs = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    const { stage, function: fn, version } = labels;
    if (!name.startsWith(PREFIX) || stage === undefined || fn === undefined) continue;
    if (version === undefined) {
      if (name === `${PREFIX}state_bytes`) stateBytes.set(fn, (stateBytes.get(fn) ?? 0) + value);
      continue;
    }
    const id = `${stage} ${fn} ${version}`;
    if (name === TIMED_CALLS) {
      const classes = timed.get(id) ?? new Map<number, number>();
      timed.set(id, classes);
      const bound = labels["le"] === "+Inf" ? Infinity : Number(labels["le"]);
      classes.set(bound, (classes.get(bound) ?? 0) + value);
      continue;
    }
    if (name === CPU_SECONDS) stageMs.set(stage, (stageMs.get(stage) ?? 0) + value * 1000);
    const known = byVersion.get(id) ?? noUsage(stage, fn, Number(version));
    byVersion.set(id, added(known, name.slice(PREFIX.length), value));
  }
  return [...byVersion]
    .map(([id, usage]) => ({
      ...usage,
      stageShare: shareOf(usage.cpuMs, stageMs.get(usage.stage) ?? 0),
      callMsP50: callTimeMs(timed.get(id) ?? new Map(), 0.5),
      callMsP99: callTimeMs(timed.get(id) ?? new Map(), 0.99),
      gbSeconds: isFunctionsStage(usage.stage) ? ((usage.cpuMs / 1000) * memoryMib(usage.stage)) / MIB_PER_GB : null,
      stateBytes: stateBytes.get(usage.function) ?? 0,
    }))
    .sort((a, b) => a.stage.localeCompare(b.stage) || a.function.localeCompare(b.function) || a.version - b.version);
}

function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function added(usage: FunctionUsage, what: string, value: number): FunctionUsage {
  switch (what) {
    case "invocations_total":
      return { ...usage, invocations: usage.invocations + value };
    case "records_total":
      return { ...usage, records: usage.records + value };
    case "errors_total":
      return { ...usage, errors: usage.errors + value };
    case "cold_starts_total":
      return { ...usage, coldStarts: usage.coldStarts + value };
    case "cpu_seconds_total":
      return { ...usage, cpuMs: usage.cpuMs + value * 1000 };
    default:
      return usage;
  }
}

function noUsage(stage: string, name: string, version: number): FunctionUsage {
  const nothing = { invocations: 0, records: 0, errors: 0, coldStarts: 0, cpuMs: 0, gbSeconds: null, stateBytes: 0 };
  return { stage, function: name, version, ...nothing, stageShare: null, callMsP50: null, callMsP99: null };
}
