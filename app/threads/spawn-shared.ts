import { MessageChannel, Worker } from "node:worker_threads";
import { threadModule } from "../thread-bundle/thread-module.ts";
import { callThread } from "../thread-rpc.ts";
import type { spawnThread } from "./spawn-thread.ts";

/** What the shared thread is told to run besides what it runs. */
export interface Tenant {
  /** As `spawnThread` takes it. */
  readonly module: string;
  /** What a thread of its own would have as `workerData`. */
  readonly data: unknown;
}

/**
 * As `spawnThread`, but all that is started with it is in one thread: they share their modules and V8's own memory, some 20 MB for each thread
 * less, and the work of one makes the others wait. The thread begins with the first, and when it ends, that is the end of all.
 */
export function createSharedThread(): typeof spawnThread {
  let worker: Worker | null = null;
  let failure: Error | null = null;
  const begin = (): Worker => {
    const begun = new Worker(threadModule("./shared.ts", import.meta.url), { name: "shared" });
    begun.on("error", (error: Error) => (failure = error));
    return begun;
  };
  return (module, data, transfer, onEnd, deadlines) => {
    worker ??= begin();
    const { port1, port2 } = new MessageChannel();
    const tenant: Tenant = { module, data: { ...data, control: port2 } };
    worker.postMessage(tenant, [port2, ...transfer]);
    worker.on("exit", () => onEnd(failure));
    const name = module.replace(/^.*\/|\.[jt]s$/g, "");
    return { call: callThread(port1, name, deadlines), port: port1, worker };
  };
}
