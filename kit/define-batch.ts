import { requireDefinition } from "./definition-error.ts";
import { withoutMemory } from "./define-map.ts";
import { refusePromise, UserCall } from "./user-call.ts";
import type { z } from "zod";
import type { DeviceType } from "../core/device-type.ts";
import type { DeviceSelect, FunctionReading, FunctionResult } from "./definition.ts";
import type { UserFunction } from "./user-function.ts";

/** What a batch function may ask for. No randomness and no events: they would depend on where a batch ends. */
export interface BatchContext {
  configOf(reading: Pick<FunctionReading<unknown>, "tenant" | "device">): DeviceType;
}

export interface BatchDefinition<Metrics> {
  /** `[a-z][a-z0-9-]{0,62}`. */
  readonly name: string;
  /** The metrics that it wants. A reading that does not match passes by. */
  readonly input: z.ZodType<Metrics>;
  readonly select?: DeviceSelect;
  /** One result for each reading, in their order, whatever else is in the batch. */
  process(readings: readonly FunctionReading<NoInfer<Metrics>>[], context: BatchContext): readonly FunctionResult[];
}

/**
 * A function without memory that is given several readings at once, for code that is faster so (a model, a table of numbers). How many, the
 * engine decides: today one, since each record is a step of its own that can be undone. FUNCTION_INVALID.
 */
export function defineBatch<Metrics>(definition: BatchDefinition<Metrics>): UserFunction {
  requireDefinition("defineBatch", definition, "name, input, process");
  const { name } = definition;
  return withoutMemory("defineBatch", definition, (taken, context) => {
    const { config } = context;
    const results = definition.process([taken], {
      configOf: ({ tenant, device }) => config.deviceType(tenant, device),
    });
    refusePromise(name, results);
    if (!Array.isArray(results) || results.length !== 1) {
      const given = Array.isArray(results) ? `${results.length} results` : `a value of type ${typeof results}`;
      throw new TypeError(`${name} returns ${given} for 1 reading: return a list with one result for each`);
    }
    new UserCall(name, taken.ts, context).emitResult(results[0]);
  });
}
