import { MessageChannel } from "node:worker_threads";
import { LIMITS } from "../../core/limits.ts";
import { functionsStage } from "../../core/functions-stage.ts";
import { connectEmbeddedLog, type LogConnection } from "../../log/embedded/connect-embedded-log.ts";
import { DurableMark } from "../../log/embedded/durable-mark.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { createStageThreads, type ThreadsLog } from "../threads/stage-threads.ts";
import { serveThread } from "../thread-rpc.ts";
import { HOST_PORT, type FromHost, type HostStart, type ToHost } from "./host-messages.ts";
import { createMemoryWatch } from "./memory-watch.ts";
import { PortBridge } from "./port-bridge.ts";
import type { Config } from "../config.ts";
import type { HostApi } from "./functions-process.ts";

/** A process that runs the threads of one stage of users' functions, for the one that has started it, and ends with it. */
function runHost(): void {
  const bridge = new PortBridge(process);
  const mark = new DurableMark();
  let ports = HOST_PORT;

  const openConnection = (connection: Omit<LogConnection, "port" | "shared">): LogConnection => {
    const { port1, port2 } = new MessageChannel();
    ports += 1;
    bridge.carry(ports, port1);
    const message: FromHost = { open: ports };
    process.send?.(message);
    return { ...connection, port: port2, shared: mark.shared };
  };

  const logOf = ({ access }: HostStart): ThreadsLog => {
    if (access.kind === "kafka") return { scaling: null, connect: () => ({ access, transfer: [] }) };
    return {
      scaling: connectEmbeddedLog(openConnection(access.connection)),
      connect() {
        const connection = openConnection(access.connection);
        return { access: { kind: "embedded", connection }, transfer: [connection.port] };
      },
    };
  };

  const start = (data: HostStart): void => {
    const { config, stage } = data;
    const logger = createLogger(config.logLevel, `${stage} process`);
    const threads = createStageThreads({
      config,
      log: logOf(data),
      stage: functionsStage(stage),
      clock: createSystemReceiveClock(),
      logger,
      isOverMemory: createMemoryWatch(threadsMib(config)),
    });
    const api: HostApi = {
      health: () => threads.api.health(),
      metrics: () => threads.api.metrics(),
      stop: (deadlineMs) => threads.stop(deadlineMs),
    };
    const { port1, port2 } = new MessageChannel();
    bridge.carry(HOST_PORT, port1);
    serveThread(port2, api, logger);
    threads.start();
  };

  process.on("message", (message: ToHost) => {
    if ("start" in message) start(message.start);
    else if ("mark" in message) mark.follow(message.mark);
    else bridge.receive(message);
  });
}

/** Of all threads that there may be: while threads are scaled one more is held in reserve. */
function threadsMib({ functionThreads, functionMemoryMib, autoscale }: Config): number {
  const threads = functionThreads + (autoscale === "on" ? 1 : 0);
  return threads * (functionMemoryMib + LIMITS.coldCacheMib);
}

runHost();
process.on("disconnect", () => process.exit());
// Whoever started it stops it: a signal for both of them is for the other one.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
