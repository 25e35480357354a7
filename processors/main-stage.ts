import { aggregate } from "./aggregate.ts";
import { alarm } from "./alarm.ts";
import { clean } from "./clean/clean.ts";
import type { StageDefinition } from "../core/stage.ts";

/** The stage that every installation runs: messages become readings, aggregates and alarms. */
export const mainStage: StageDefinition = { name: "main", input: "telemetry", functions: [clean, aggregate, alarm] };
