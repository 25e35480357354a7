import { workerData } from "node:worker_threads";
import { giveWay } from "./give-way.ts";
import { runServicesThread } from "./run-services-thread.ts";
import type { ServicesThreadData } from "../services-thread-data.ts";

giveWay();
runServicesThread(workerData as ServicesThreadData);
