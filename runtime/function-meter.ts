import type { CallMeter } from "../core/call-meter.ts";
import type { CanaryOutcome } from "../core/canary.ts";
import type { Clock } from "../core/clock.ts";
import type { Counter, Gauge, Metrics } from "../core/metrics.ts";

export interface FunctionMeterOptions {
  readonly stage: string;
  /** CPU time that this thread has used, ms. By the clock a call would be charged for whoever else had the CPU. */
  readonly cpu: Clock;
  /** For how long single calls take, for which the CPU time is too coarse on some systems. */
  readonly monotonic: Clock;
  readonly metrics: Metrics;
}

export interface FunctionMeter extends CallMeter {
  /** What functions keep, in bytes, of all partitions. */
  stateBytes(byFunction: ReadonlyMap<string, number>): void;
}

/** One of so many calls from outside is timed, with all calls within it: a clock for each would cost as much as a small function. */
const TIMED_OF_CALLS = 64;
/** Upper bounds of the classes that measured calls are counted in, seconds: a call belongs to all that are not below its time. */
const CLASSES = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.5, Infinity];

/** Of one function version. */
interface Cells {
  readonly invocations: Counter;
  readonly records: Counter;
  readonly errors: Counter;
  readonly coldStarts: Counter;
  readonly cpuSeconds: Counter;
  /** As `CLASSES`. */
  readonly timed: readonly Counter[];
}

interface Running {
  readonly cells: Cells;
  readonly begun: number;
  readonly begunAt: number;
  /** Of the calls within, in CPU time and by the clock. */
  innerMs: number;
  innerClockMs: number;
}

/** Counts the calls of functions by version, and the CPU time that they take. */
export function createFunctionMeter({ stage, cpu, monotonic, metrics }: FunctionMeterOptions): FunctionMeter {
  const byVersion = new Map<string, Cells>();
  const gauges = new Map<string, Gauge>();
  const compared = new Map<string, Counter>();
  const stack: Running[] = [];
  let outermost = 0;
  let isTimed = false;

  const cellsOf = (functionVersion: string): Cells => {
    const known = byVersion.get(functionVersion);
    if (known !== undefined) return known;
    const made = createCells(metrics, stage, functionVersion);
    made.coldStarts.add();
    byVersion.set(functionVersion, made);
    return made;
  };

  return {
    begin(functionVersion, isInput) {
      const cells = cellsOf(functionVersion);
      cells.invocations.add();
      if (isInput) cells.records.add();
      if (stack.length === 0) {
        isTimed = outermost % TIMED_OF_CALLS === 0;
        outermost += 1;
      }
      const begunAt = isTimed ? monotonic.now() : 0;
      const begun = isTimed ? cpu.now() : 0;
      stack.push({ cells, begun, begunAt, innerMs: 0, innerClockMs: 0 });
    },
    end(failed) {
      const ended = stack.pop();
      if (ended === undefined) return;
      if (failed) ended.cells.errors.add();
      if (!isTimed) return;
      const tookMs = cpu.now() - ended.begun;
      const clockMs = monotonic.now() - ended.begunAt;
      ended.cells.cpuSeconds.add(((tookMs - ended.innerMs) * TIMED_OF_CALLS) / 1000);
      const seconds = (clockMs - ended.innerClockMs) / 1000;
      for (const [at, bound] of CLASSES.entries()) if (seconds <= bound) ended.cells.timed[at]?.add();
      const outer = stack.at(-1);
      if (outer === undefined) return;
      outer.innerMs += tookMs;
      outer.innerClockMs += clockMs;
    },
    compared(functionVersion, outcome) {
      const id = `${functionVersion} ${outcome}`;
      const known = compared.get(id) ?? createComparison(metrics, stage, functionVersion, outcome);
      compared.set(id, known);
      known.add();
    },
    stateBytes(byFunction) {
      for (const [name, gauge] of gauges) if (!byFunction.has(name)) gauge.set(0);
      for (const [name, bytes] of byFunction) {
        const known = gauges.get(name) ?? createGauge(metrics, stage, name);
        gauges.set(name, known);
        known.set(bytes);
      }
    },
  };
}

function createCells(metrics: Metrics, stage: string, functionVersion: string): Cells {
  const [name = "", version = ""] = functionVersion.split("@");
  const labels = { stage, function: name, version };
  return {
    invocations: metrics.counter(
      "millrace_function_invocations_total",
      "Calls of a function: for records, timers and changes of configuration.",
      labels,
    ),
    records: metrics.counter("millrace_function_records_total", "Records that a function was called for.", labels),
    errors: metrics.counter("millrace_function_errors_total", "Calls of a function that threw.", labels),
    coldStarts: metrics.counter(
      "millrace_function_cold_starts_total",
      "Threads in which a function was called for the first time.",
      labels,
    ),
    cpuSeconds: metrics.counter(
      "millrace_function_cpu_seconds_total",
      "CPU time of a function's calls, without the functions called within; one of 64 is measured.",
      labels,
    ),
    timed: CLASSES.map((bound) =>
      createClass(metrics, { ...labels, le: Number.isFinite(bound) ? `${bound}` : "+Inf" }),
    ),
  };
}

function createClass(
  metrics: Metrics,
  { stage, function: name, version, le }: { stage: string; function: string; version: string; le: string },
): Counter {
  return metrics.counter(
    "millrace_function_timed_calls_total",
    "Calls of a function, one of 64, that took at most `le` seconds by the clock, without the functions called within.",
    { stage, function: name, version, le },
  );
}

function createComparison(metrics: Metrics, stage: string, functionVersion: string, outcome: CanaryOutcome): Counter {
  const [name = "", version = ""] = functionVersion.split("@");
  return metrics.counter(
    "millrace_canary_calls_total",
    "Calls that a canary and the live version both had, by what came of them: equal outputs, different ones, failures.",
    { stage, function: name, version, outcome },
  );
}

function createGauge(metrics: Metrics, stage: string, name: string): Gauge {
  return metrics.gauge("millrace_function_state_bytes", "About what a function's state takes in memory.", {
    stage,
    function: name,
  });
}
