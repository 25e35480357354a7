import { CheckedValue } from "./checked-value.ts";
import { compileWindow } from "./compile-window.ts";
import { definitionError } from "./definition-error.ts";
import { checkCallback, checkDefinition, checkVersion, isSchema } from "./definition.ts";
import { durationMs } from "./durations.ts";
import { createIntake } from "./user-function.ts";
import { unknownOptionsFault } from "./unknown-options.ts";
import type { z } from "zod";
import type { DeviceSelect, FunctionContext, FunctionReading, ResultMetrics } from "./definition.ts";
import type { Duration } from "./durations.ts";
import type { UserFunction } from "./user-function.ts";
import type { ResultWindow } from "./window-results.ts";
import type { WindowSpec } from "./windows.ts";

export interface WindowDefinition<Metrics, Acc> {
  /** `[a-z][a-z0-9-]{0,62}`. */
  readonly name: string;
  /** The metrics that it wants. A reading that does not match passes by. */
  readonly input: z.ZodType<Metrics>;
  readonly select?: DeviceSelect;
  readonly window: WindowSpec;
  /** Also emits a window before its end, so often while readings change it. Of tumbling, hopping and calendar windows. */
  readonly early?: Duration;
  /** How long a window waits for late readings after its end; as the device's type says when absent. 0 for not at all. */
  readonly allowedLateness?: Duration;
  /** What is kept of a window's readings: JSON. */
  readonly accumulator: z.ZodType<Acc>;
  initial(): NoInfer<Acc>;
  /** 1 when absent. Raise it with every change of `accumulator` that old values do not match, and define `migrate`. */
  readonly stateVersion?: number;
  migrate?(old: unknown, fromVersion: number): NoInfer<Acc>;
  /** Values are immutable: return a new accumulator instead of changing the old. */
  add(acc: NoInfer<Acc>, reading: FunctionReading<NoInfer<Metrics>>): NoInfer<Acc>;
  /** Of session windows: two sessions become one, because a late reading lies between them. `a` began first. */
  merge?(a: NoInfer<Acc>, b: NoInfer<Acc>): NoInfer<Acc>;
  /** What a window gives: metrics of the device, or nothing. */
  result(acc: NoInfer<Acc>, window: ResultWindow, context: FunctionContext): ResultMetrics | undefined | void;
}

const WINDOW_OPTIONS =
  `name input select window early allowedLateness accumulator initial stateVersion migrate add merge result`.split(" ");
const ALIGNED: readonly WindowSpec["kind"][] = ["tumbling", "hopping", "calendar"];

/** A fold over windows. FUNCTION_INVALID. */
export function defineWindow<Metrics, Acc>(definition: WindowDefinition<Metrics, Acc>): UserFunction {
  checkWindow(definition);
  const { name, input, select = {}, accumulator, stateVersion: version = 1, early, allowedLateness } = definition;
  const migrate = definition.migrate?.bind(definition) ?? null;
  const intake = createIntake(input, select);
  const primitive = compileWindow<Metrics, Acc>({
    code: definition,
    window: definition.window,
    intake,
    value: new CheckedValue<Acc>({ fn: name, what: "accumulator", schema: accumulator, version, migrate }),
    version,
    earlyMs: early === undefined ? null : durationMs(name, "early", early),
    latenessMs: allowedLateness === undefined ? null : latenessMs(name, allowedLateness),
  });
  const user = {
    definedWith: "defineStream",
    counters: intake.counters,
    input,
    select,
    state: { version, schema: accumulator, window: definition.window },
    unknownOptions: unknownOptionsFault(definition, "defineStream with a window", WINDOW_OPTIONS),
  } as const;
  return Object.freeze({ ...primitive, user });
}

function latenessMs(fn: string, allowedLateness: Duration): number {
  return allowedLateness === 0 ? 0 : durationMs(fn, "allowedLateness", allowedLateness);
}

function checkWindow<Metrics, Acc>(definition: WindowDefinition<Metrics, Acc>): void {
  checkDefinition(definition);
  const { name, window, accumulator, early, allowedLateness, merge, stateVersion = 1, migrate } = definition;
  if (!isSchema(accumulator)) {
    throw definitionError(name, "accumulator is no zod schema", "write accumulator: z.object({ ... })");
  }
  for (const what of ["initial", "add", "result"] as const) checkCallback(name, what, definition[what]);
  checkVersion(name, stateVersion, migrate);
  if (window.kind === "session") checkCallback(name, "merge", merge);
  else if (merge !== undefined) throw definitionError(name, "merge is for session windows", "leave it out");
  if (early !== undefined && !ALIGNED.includes(window.kind)) {
    throw definitionError(name, `a ${window.kind} window has no early results`, "leave early out");
  }
  if (allowedLateness !== undefined && window.kind === "count") {
    throw definitionError(name, "a count window knows no lateness", "leave allowedLateness out");
  }
}
