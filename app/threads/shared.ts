import { parentPort } from "node:worker_threads";
import { mainStage } from "../../processors/main-stage.ts";
import { giveWay } from "./give-way.ts";
import { runServicesThread } from "./run-services-thread.ts";
import { runStageThread, type StageThreadData } from "./run-stage-thread.ts";
import type { ServicesThreadData } from "../services-thread-data.ts";
import type { Tenant } from "./spawn-shared.ts";

/** What may share a thread, by the modules that would be threads of their own. What throws ends the thread, as it ends one of its own. */
const RUNS: Readonly<Record<string, (data: unknown) => void>> = {
  "./processors.ts": (data) => void runStageThread("processors", data as StageThreadData, mainStage),
  "./services.ts": (data) => runServicesThread(data as ServicesThreadData),
};

giveWay();
parentPort?.on("message", ({ module, data }: Tenant) => {
  const run = RUNS[module];
  if (run === undefined) throw new Error(`${module} cannot share a thread`);
  run(data);
});
