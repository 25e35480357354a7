import { parentPort, workerData } from "node:worker_threads";
import { joinAgain, type JoinAgainRequest } from "../why/join-again.ts";

parentPort?.postMessage(joinAgain(workerData as JoinAgainRequest));
