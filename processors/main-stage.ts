import { MAIN_STAGE } from "../core/stage.ts";
import { aggregate } from "./aggregate.ts";
import { alarm } from "./alarm.ts";
import { clean } from "./clean/clean.ts";
import type { StageDefinition } from "../core/stage.ts";

/** The stage that every installation runs: messages become readings, aggregates and alarms. */
export const mainStage: StageDefinition = {
  name: MAIN_STAGE,
  input: "telemetry",
  flushes: "readings",
  functions: [clean, aggregate, alarm],
};
