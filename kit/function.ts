/** What users write functions with: `import { defineMap, z } from "millrace/function"`. */
export { z } from "zod";
export { defineMap } from "./define-map.ts";
export { defineStream } from "./define-stream.ts";
export { calendar, count, hopping, session, sliding, tumbling } from "./windows.ts";
export type { FunctionContext, FunctionReading, FunctionResult, StreamFunctionContext } from "./definition.ts";
export type { ResultWindow } from "./window-results.ts";
export type { StreamStep } from "./define-stream.ts";
export type { Duration } from "./durations.ts";
export type { UserFunction } from "./user-function.ts";
