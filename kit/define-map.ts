import { defineMap as definePrimitive } from "../core/function.ts";
import { requireDefinition } from "./definition-error.ts";
import { checkCallback, checkDefinition } from "./definition.ts";
import { UserCall } from "./user-call.ts";
import { unknownOptionsFault } from "./unknown-options.ts";
import { createIntake, USER_OUTPUTS } from "./user-function.ts";
import type { z } from "zod";
import type { CallContext } from "../core/function.ts";
import type { DeviceSelect, FunctionContext, FunctionReading, FunctionResult } from "./definition.ts";
import type { UserFunction } from "./user-function.ts";

export interface MapDefinition<Metrics> {
  /** `[a-z][a-z0-9-]{0,62}`. */
  readonly name: string;
  /** The metrics that it wants. A reading that does not match passes by. */
  readonly input: z.ZodType<Metrics>;
  readonly select?: DeviceSelect;
  process(reading: FunctionReading<NoInfer<Metrics>>, context: FunctionContext): FunctionResult;
}

/** A function without memory: a reading in, derived readings out. FUNCTION_INVALID. */
export function defineMap<Metrics>(definition: MapDefinition<Metrics>): UserFunction {
  requireDefinition("defineMap", definition, "name, input, process");
  return withoutMemory("defineMap", definition, (taken, context) => {
    const call = new UserCall(definition.name, taken.ts, context);
    call.emitResult(definition.process(taken, call));
  });
}

/** What `run` does with each reading that the function wants. */
export function withoutMemory<Metrics>(
  definedWith: "defineMap" | "defineBatch",
  definition: Pick<MapDefinition<Metrics>, "name" | "input" | "select"> & { readonly process: unknown },
  run: (taken: FunctionReading<Metrics>, context: CallContext) => void,
): UserFunction {
  checkDefinition(definition);
  const { name, input, select = {} } = definition;
  checkCallback(name, "process", definition.process);
  const intake = createIntake(input, select);
  const primitive = definePrimitive<"readings">({
    name,
    version: 0,
    input: "readings",
    outputs: USER_OUTPUTS,
    process(reading, context) {
      const taken = intake.take(reading, context);
      if (taken !== null) run(taken, context);
    },
  });
  const unknownOptions = unknownOptionsFault(definition, definedWith, ["name", "input", "select", "process"]);
  const user = { definedWith, counters: intake.counters, input, select, state: null, unknownOptions };
  return Object.freeze({ ...primitive, user });
}
