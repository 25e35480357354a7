import { Worker } from "node:worker_threads";
import { callThread } from "../thread-rpc.ts";
import { threadModule } from "../thread-bundle/thread-module.ts";
import type { MessagePort, ResourceLimits, Transferable } from "node:worker_threads";
import type { CallDeadlines, RemoteCall, ThreadApi } from "../thread-rpc.ts";

export interface SpawnedThread<Api extends ThreadApi> {
  readonly call: RemoteCall<Api>;
  /** The thread's end of the control channel, to serve functions to it. */
  readonly port: MessagePort;
  readonly worker: Worker;
}

/**
 * Starts a thread from a module of this folder, or from any by its URL. The channel that carries its calls is passed as `workerData.control`.
 * `onEnd` is told when the thread ends, however it does.
 */
export function spawnThread<Api extends ThreadApi>(
  module: string,
  data: Readonly<Record<string, unknown>>,
  transfer: readonly Transferable[],
  onEnd: (error: Error | null) => void,
  deadlines: CallDeadlines<Api> = {},
  resourceLimits: ResourceLimits = {},
): SpawnedThread<Api> {
  const { port1, port2 } = new MessageChannel();
  const name = module.replace(/^.*\/|\.[jt]s$/g, "");
  const worker = new Worker(threadModule(module, import.meta.url), {
    name,
    workerData: { ...data, control: port2 },
    transferList: [port2, ...transfer],
    resourceLimits,
  });
  let failure: Error | null = null;
  worker.on("error", (error: Error) => (failure = error));
  worker.on("exit", () => onEnd(failure));
  return { call: callThread<Api>(port1, name, deadlines), port: port1, worker };
}
