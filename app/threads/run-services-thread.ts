import { createLogger } from "../logging.ts";
import { createServices } from "../services.ts";
import { serveThread } from "../thread-rpc.ts";
import type { ServicesThreadData } from "../services-thread-data.ts";

/** Serves the services in this thread. */
export function runServicesThread(data: ServicesThreadData): void {
  serveThread(data.control, createServices(data), createLogger(data.config.logLevel, "services"));
}
