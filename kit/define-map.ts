import { defineMap as definePrimitive } from "../core/function.ts";
import { checkCallback, checkDefinition } from "./definition.ts";
import { UserCall } from "./user-call.ts";
import { createIntake, USER_OUTPUTS } from "./user-function.ts";
import type { z } from "zod";
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
      if (taken === null) return;
      const call = new UserCall(name, taken.ts, context);
      call.emitResult(definition.process(taken, call));
    },
  });
  const user = { definedWith: "defineMap", counters: intake.counters, input, select, state: null } as const;
  return Object.freeze({ ...primitive, user });
}
