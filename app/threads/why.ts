import { parentPort, workerData } from "node:worker_threads";
import { runFunction, type FunctionRunRequest } from "../why/function-run.ts";
import { giveWay } from "./give-way.ts";

giveWay();
parentPort?.postMessage(runFunction(workerData as FunctionRunRequest));
