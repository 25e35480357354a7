import { flushCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import { functionsStage } from "../../core/functions-stage.ts";
import { createFunctionConsole } from "../../runtime/function-console.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { createStagePause } from "../../runtime/stage-pause.ts";
import { endThread } from "./end-thread.ts";
import { beginMarking } from "./functions-marker.ts";
import { giveWay } from "./give-way.ts";
import { runStageThread, type StageExtras, type StageThreadData } from "./run-stage-thread.ts";
import type { Suspicions } from "../../runtime/suspects.ts";

/** A stage of users' functions is watched, may be held up, and is told what the thread before it died of. */
export interface FunctionsThreadData extends StageThreadData {
  /** Its name. */
  readonly stage: string;
  readonly marks: SharedArrayBuffer;
  readonly suspicions: Suspicions;
  /** In the group that deals the partitions out: the same for each that follows. */
  readonly memberId: string;
}

const COMPILED_AFTER_MS = 5000;

giveWay();
// A kill -9 gives no thread the time to write down at its end what it has compiled.
setTimeout(flushCompileCache, COMPILED_AFTER_MS).unref();
const data = workerData as FunctionsThreadData;
const { memberId, stage, suspicions } = data;
const heapMib = data.config.functionMemoryMib;
// No call may come before it.
const marker = beginMarking(data.marks, heapMib);
const extras: StageExtras = (parts) => {
  const console = createFunctionConsole({ stage, ...parts });
  const pause = createStagePause({ stage, ...parts });
  return { load: (code) => loadFunctions(code, { console }), marker, memberId, onEnd: endThread, pause, suspicions };
};
await runStageThread(stage, { ...data, heapMib }, functionsStage(stage), extras);
