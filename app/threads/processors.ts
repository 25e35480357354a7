import { workerData } from "node:worker_threads";
import { mainStage } from "../../processors/main-stage.ts";
import { giveWay } from "./give-way.ts";
import { runStageThread, type StageThreadData } from "./run-stage-thread.ts";

giveWay();
await runStageThread("processors", workerData as StageThreadData, mainStage);
