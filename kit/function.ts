/** What users write functions with: `import { defineMap, z } from "millrace/function"`. */
export { z } from "zod";
export { defineBatch } from "./define-batch.ts";
export { defineJoin } from "./define-join.ts";
export { defineMap } from "./define-map.ts";
export { defineStream } from "./define-stream.ts";
export { calendar, count, hopping, session, sliding, tumbling } from "./windows.ts";
export { counterRate, counterSchema } from "./signals/counter-rate.ts";
export { debounce, debounceSchema } from "./signals/debounce.ts";
export { delta, deltaSchema } from "./signals/delta.ts";
export { geofence, geofenceSchema, isInside } from "./signals/geofence.ts";
export { absoluteHumidity, dewPoint, heatIndex } from "./signals/humid-air.ts";
export { addToSketch, emptySketch, mergeSketches, quantileOf, sketchSchema } from "./signals/percentile-sketch.ts";
export { reportChanges, reportedSchema } from "./signals/report-changes.ts";
export { resample, resampleSchema } from "./signals/resample.ts";
export {
  addToStatistics,
  deviationOf,
  mergeStatistics,
  NO_STATISTICS,
  statisticsSchema,
  varianceOf,
} from "./signals/running-statistics.ts";
export type { FunctionContext, FunctionReading, FunctionResult, StreamFunctionContext } from "./definition.ts";
export type { ResultWindow } from "./window-results.ts";
export type { StreamStep } from "./define-stream.ts";
export type { KeyedReading } from "./define-join.ts";
export type { Duration } from "./durations.ts";
export type { BatchContext } from "./define-batch.ts";
export type { UserFunction } from "./user-function.ts";
