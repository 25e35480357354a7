import { workerData } from "node:worker_threads";
import { beginMarking } from "../../app/threads/functions-marker.ts";
import { soleMember } from "../../core/consumer-group.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { connectEmbeddedLog } from "../../log/embedded/connect-embedded-log.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { hostileStage } from "./hostile-stage.ts";
import type { Suspicions } from "../../runtime/suspects.ts";
import type { LogConnection } from "../../log/embedded/connect-embedded-log.ts";

export interface HostileThreadData {
  readonly connection: LogConnection;
  readonly marks: SharedArrayBuffer;
  readonly suspicions: Suspicions;
  readonly heapMib: number;
}

/** Runs the hostile stage as a thread of functions does. */
const { connection, marks, suspicions, heapMib } = workerData as HostileThreadData;
const log = connectEmbeddedLog(connection);
// Before the first call, as the thread of functions does.
const marker = beginMarking(marks, heapMib);
const runner = createStageRunner({
  log,
  stage: hostileStage,
  groups: soleMember(Array.from({ length: log.partitionCount }, (_, partition) => partition)),
  generation: connection.generation,
  monotonic: { now: () => performance.now() },
  logger: silentLogger,
  metrics: createMetrics(),
  marker,
  suspicions,
});
await runner.start();
