import { formatWithOptions } from "node:util";
import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";

export interface FunctionConsoleOptions {
  readonly stage: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic milliseconds. */
  readonly monotonic: Clock;
}

/** What a function has instead of `console`. */
export type FunctionConsole = Readonly<
  Record<"debug" | "error" | "info" | "log" | "trace" | "warn", (...values: unknown[]) => void>
>;

const CHARACTERS_MAX = LIMITS.functionLogLineCharactersMax;
const FORMAT = { depth: 4, maxArrayLength: 50, maxStringLength: 1000, breakLength: Infinity, compact: true };

/**
 * Prints what functions print into the log, a second's allowance of lines and characters of it: what is more is counted and dropped,
 * before it is formatted where that can be known. All functions of a thread share it.
 */
export function createFunctionConsole({ stage, logger, metrics, monotonic }: FunctionConsoleOptions): FunctionConsole {
  const lines = metrics.counter(
    "millrace_function_log_lines_total",
    "Lines that functions have printed into the log.",
    { stage },
  );
  const dropped = metrics.counter(
    "millrace_function_log_dropped_total",
    "Lines that functions have printed beyond their allowance; they are dropped.",
    { stage },
  );
  let second = -Infinity;
  let linesLeft = 0;
  let charactersLeft = 0;
  let isDropping = false;

  const drop = (): void => {
    dropped.add();
    if (isDropping) return;
    isDropping = true;
    logger.warn(
      { stage },
      "functions print more than is kept: lines are dropped, see millrace_function_log_dropped_total",
    );
  };

  const print = (level: "error" | "info" | "warn", values: readonly unknown[]): void => {
    const now = monotonic.now();
    if (now - second >= 1000) {
      isDropping &&= linesLeft <= 0 || charactersLeft <= 0;
      second = now;
      linesLeft = LIMITS.functionLogLinesPerSecond;
      charactersLeft = LIMITS.functionLogCharactersPerSecond;
    }
    if (linesLeft <= 0 || charactersLeft <= 0) {
      drop();
      return;
    }
    const short = values.map((value) => (typeof value === "string" ? value.slice(0, CHARACTERS_MAX) : value));
    const text = formatWithOptions(FORMAT, ...short).slice(0, CHARACTERS_MAX);
    linesLeft -= 1;
    charactersLeft -= text.length;
    lines.add();
    logger[level]({ stage, printed: text }, "a function says");
  };

  const info = (...values: unknown[]): void => print("info", values);
  const warn = (...values: unknown[]): void => print("warn", values);
  const error = (...values: unknown[]): void => print("error", values);
  return Object.freeze({ debug: info, log: info, info, trace: info, warn, error });
}
