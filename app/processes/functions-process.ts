import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { backOffMs } from "../../core/back-off.ts";
import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { pause } from "../../core/pause.ts";
import { DurableMark } from "../../log/embedded/durable-mark.ts";
import { givenEnvironment } from "../config.ts";
import { within } from "../deadline.ts";
import { createFaultBoard } from "../fault-board.ts";
import { callThread } from "../thread-rpc.ts";
import { HOST_PORT, type FromHost, type HostAccess, type ToHost } from "./host-messages.ts";
import { PortBridge } from "./port-bridge.ts";
import type { Logger } from "../../core/logger.ts";
import type { MetricSample } from "../../core/metrics.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { PartHealth } from "../part-health.ts";
import type { RemoteCall } from "../thread-rpc.ts";
import type { FunctionsThreads } from "../threads/functions-threads.ts";

/** What a host offers. A type, because ThreadApi wants an index signature. */
export type HostApi = {
  health(): Promise<PartHealth>;
  metrics(): Promise<readonly MetricSample[]>;
  stop(deadlineMs: number): Promise<void>;
};

export interface FunctionsProcessOptions {
  readonly config: Config;
  readonly log: Pick<InstallationLog, "connect" | "forgetReaders">;
  readonly stage: StageDefinition;
  readonly logger: Logger;
}

const HOST = fileURLToPath(new URL("functions-host.ts", import.meta.url));
const ANSWER_MS = 2500;
const FOLLOW_MS = 1000;
const RESTART_DELAY_MS_MIN = 200;

interface Host {
  readonly child: ChildProcess;
  readonly call: RemoteCall<HostApi>;
}

/**
 * The threads of a stage of users' functions in a process of their own, which is started again when it ends: what they do to its memory or to the
 * process itself is the stage's alone. The log stays with this process: connections to it go over the channel between the two.
 */
export function createFunctionsProcess({ config, log, stage, logger }: FunctionsProcessOptions): FunctionsThreads {
  const stopping = new AbortController();
  const metrics = createMetrics();
  const faults = createFaultBoard();
  const deaths = metrics.counter(
    "millrace_function_process_deaths_total",
    "Times the process of a stage of functions ended by itself or was ended.",
    { stage: stage.name },
  );
  let host: Host | null = null;
  let running: Promise<void> = Promise.resolve();

  const runOnce = async (): Promise<void> => {
    const child = fork(HOST, [], { serialization: "advanced", env: givenEnvironment() });
    const ended = new Promise<string>((resolve) => {
      child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.on("error", (error) => {
        // What was never spawned does not exit; of one that cannot be told something nobody knows how it stands.
        if (child.pid === undefined) resolve(errorText(error));
        else child.kill("SIGKILL");
      });
    });
    const gone = new AbortController();
    const bridge = new PortBridge(child);
    const send = (message: ToHost): void => void (child.connected && child.send(message));
    const { access, mark } = accessOf(log);
    child.on("message", (message: FromHost) => {
      if (!("open" in message)) return bridge.receive(message);
      const connected = log.connect().access;
      if (connected.kind === "embedded") bridge.carry(message.open, connected.connection.port);
    });
    const { port1, port2 } = new MessageChannel();
    bridge.carry(HOST_PORT, port1);
    host = { child, call: callThread<HostApi>(port2, stage.name, { stop: Infinity }) };
    send({ start: { config, stage: stage.name, access } });
    const followed = mark === null ? Promise.resolve() : follow(mark, send, gone.signal);
    const settled = setTimeout(() => faults.report(`${stage.name}.process`, "cleared", ""), LIMITS.functionSettledMs);
    const cause = await ended;
    clearTimeout(settled);
    host = null;
    gone.abort();
    bridge.close();
    await followed;
    await log.forgetReaders();
    if (stopping.signal.aborted) return;
    deaths.add();
    logger.error({ stage: stage.name, cause }, "the process of a stage of functions has ended; it is started again");
  };

  const loop = async (): Promise<void> => {
    for (let inARow = 0; !stopping.signal.aborted; inARow += 1) {
      const begunAt = performance.now();
      await runOnce();
      if (performance.now() - begunAt >= LIMITS.functionSettledMs) inARow = 0;
      if (stopping.signal.aborted) break;
      if (inARow > 0) faults.report(`${stage.name}.process`, "raised", deathText(stage.name));
      const delayMs = backOffMs(RESTART_DELAY_MS_MIN, LIMITS.functionRestartDelayMsMax, inARow);
      await pause(delayMs, stopping.signal);
    }
  };

  const ask = async <T>(what: (host: Host) => Promise<T>, otherwise: T): Promise<T> => {
    const late = () => new MillraceError("TIMED_OUT", `the process of stage ${stage.name} has not answered`);
    return host === null ? otherwise : within(what(host), ANSWER_MS, late).catch(() => otherwise);
  };

  return {
    api: {
      async health() {
        const own = faults.health([]);
        const text = `the process of stage ${stage.name} does not answer`;
        const silent = { reasons: [], faults: [{ id: `${stage.name}.process.unanswered`, text }], events: [] };
        const of = await ask(({ call }) => call("health"), silent);
        return { ...own, faults: [...own.faults, ...of.faults] };
      },
      metrics: async () => [...metrics.snapshot(), ...(await ask(({ call }) => call("metrics"), []))],
    },
    start() {
      running = loop();
    },
    async stop(deadlineMs) {
      stopping.abort();
      const late = () => new MillraceError("TIMED_OUT", `not within ${deadlineMs} ms`);
      if (host !== null)
        await within(host.call("stop", deadlineMs), deadlineMs, late).catch((error: unknown) =>
          logger.warn({ stage: stage.name, cause: errorText(error) }, "a process did not stop in order"),
        );
      host?.child.kill("SIGKILL");
      await running;
    },
  };
}

function accessOf(log: Pick<InstallationLog, "connect">): { access: HostAccess; mark: DurableMark | null } {
  const { access } = log.connect();
  if (access.kind === "kafka") return { access, mark: null };
  const { port, shared, ...connection } = access.connection;
  port.close();
  return { access: { kind: "embedded", connection }, mark: new DurableMark(shared) };
}

/** Tells the host how far the log is durable, as often as that changes. */
async function follow(mark: DurableMark, send: (message: ToHost) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !mark.closed) {
    const { sequence, retentions } = mark;
    send({ mark: { sequence, retentions } });
    await mark.advanced(sequence, FOLLOW_MS, signal);
  }
}

function deathText(stage: string): string {
  return `the process of stage ${stage} ends again and again: see the log for why, and undeploy or repair what runs in it`;
}
