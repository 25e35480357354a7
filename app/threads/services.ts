import { workerData } from "node:worker_threads";
import { createLogger } from "../logging.ts";
import { createServices } from "../services.ts";
import { serveThread } from "../thread-rpc.ts";
import { giveWay } from "./give-way.ts";
import type { ServicesThreadData } from "../services-thread-data.ts";

giveWay();
const data = workerData as ServicesThreadData;
serveThread(data.control, createServices(data), createLogger(data.config.logLevel, "services"));
