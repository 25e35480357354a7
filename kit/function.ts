/** What users write functions with: `import { defineMap, z } from "millrace/function"`. */
export { z } from "zod";
export { defineBatch } from "./define-batch.ts";
export { defineMap } from "./define-map.ts";
export { defineStream } from "./define-stream.ts";
export { calendar, count, hopping, session, sliding, tumbling } from "./windows.ts";
export { counterRate, counterSchema } from "./helpers/counter-rate.ts";
export { debounce, debounceSchema } from "./helpers/debounce.ts";
export { delta, deltaSchema } from "./helpers/delta.ts";
export { geofence, geofenceSchema, isInside } from "./helpers/geofence.ts";
export { absoluteHumidity, dewPoint, heatIndex } from "./helpers/humid-air.ts";
export { addToSketch, emptySketch, mergeSketches, quantileOf, sketchSchema } from "./helpers/percentile-sketch.ts";
export { reportChanges, reportedSchema } from "./helpers/report-changes.ts";
export { resample, resampleSchema } from "./helpers/resample.ts";
export {
  addToStatistics,
  deviationOf,
  mergeStatistics,
  NO_STATISTICS,
  statisticsSchema,
  varianceOf,
} from "./helpers/running-statistics.ts";
export type { FunctionContext, FunctionReading, FunctionResult, StreamFunctionContext } from "./definition.ts";
export type { ResultWindow } from "./window-results.ts";
export type { StreamStep } from "./define-stream.ts";
export type { Duration } from "./durations.ts";
export type { BatchContext } from "./define-batch.ts";
export type { UserFunction } from "./user-function.ts";
