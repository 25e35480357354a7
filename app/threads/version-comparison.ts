import { parentPort, workerData } from "node:worker_threads";
import { compareVersions, type ComparisonRequest } from "../functions/compare-versions.ts";

parentPort?.postMessage(await compareVersions(workerData as ComparisonRequest));
