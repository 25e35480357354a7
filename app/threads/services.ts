import { workerData } from "node:worker_threads";
import { createLogger } from "../logging.ts";
import { createServices } from "../services.ts";
import { serveThread } from "../thread-rpc.ts";
import type { ServicesThreadData } from "../start-services.ts";

const data = workerData as ServicesThreadData;
serveThread(data.control, createServices(data), createLogger(data.config.logLevel, "services"));
