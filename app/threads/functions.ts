import { workerData } from "node:worker_threads";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { giveWay } from "./give-way.ts";
import { runStageThread, type StageThreadData } from "./run-stage-thread.ts";

giveWay();
await runStageThread("functions", workerData as StageThreadData, FUNCTIONS_STAGE, loadFunctions);
