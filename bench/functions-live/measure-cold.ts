import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { keepCompiledCode } from "../../app/node-flags.ts";
import { readConfig } from "../../app/config.ts";
import { bundleFunctions } from "../../app/functions/bundle.ts";
import { createCallMarks, readCallMarks } from "../../app/threads/call-marks.ts";
import { spawnFunctionsThread } from "../../app/threads/spawn-functions-thread.ts";
import { threadBundle } from "../../app/thread-bundle/thread-bundle.ts";
import { silentLogger } from "../../core/logger.ts";
import { HEADER } from "../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { openLogDirectory } from "../../test/support/log-dump.ts";
import { ECHO } from "./live-functions.ts";
import type { InstallationLog } from "../../app/installation-log.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { RecordInput } from "../../core/record.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";

/** A thread from when it is spawned, ms after that. */
export interface ColdRun {
  /** Its modules are loaded, and it is in its first turn. */
  readonly imported: number;
  /** The stage runs; partitions are claimed and restored. */
  readonly restored: number;
  readonly firstCall: number;
  /** Its first output stands in the log. */
  readonly firstOutput: number;
  /** CPU time of the thread until its first call, ms: the same on a machine that has other work too. */
  readonly cpu: number;
}

const DEVICE = "cold";
const HEAP_MIB = 512;
const LOOK_MS = 0.2;

/** Threads of users' functions with all partitions, one after the other, on an embedded log in which one record waits for each. */
export async function measureCold(runs: number, partitions: number): Promise<ColdRun[]> {
  const directory = temporaryDirectory();
  // As every instance does.
  keepCompiledCode(directory.path);
  const log = await openLogDirectory(join(directory.path, "log"), partitions);
  const config = readConfig({ data: directory.path, partitions }, {}, {});
  const installation: InstallationLog = {
    log,
    generation: log.generation,
    isNew: true,
    connect() {
      const connection = log.connect();
      return { access: { kind: "embedded", connection }, transfer: [connection.port] };
    },
    forgetReaders: () => log.forgetReaders(),
    close: (signal) => log.close(signal),
  };
  try {
    await deployEverywhere(log, directory.path);
    const measured: ColdRun[] = [];
    // The first finds the deploy records before it: it is no restart.
    for (let run = 0; run <= runs; run += 1) {
      await log.append("readings", 0, [readingOf(run)]);
      const cold = await spawnOnce(installation, config, run);
      if (run > 0) measured.push(cold);
      await threadBundle.built;
    }
    return measured;
  } finally {
    await log.close(AbortSignal.timeout(5000));
    directory.dispose();
  }
}

async function spawnOnce(
  installation: InstallationLog,
  config: ReturnType<typeof readConfig>,
  run: number,
): Promise<ColdRun> {
  const { log } = installation;
  const all = Array.from({ length: config.partitions }, (_, partition) => partition);
  const marks = createCallMarks();
  const start = {
    marks,
    suspicions: { calls: [], search: false },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  };
  const begun = performance.now();
  const since = () => performance.now() - begun;
  const { thread } = spawnFunctionsThread(
    { stage: FUNCTIONS_STAGE, config, log: installation, partitions: all, memberId: "", logger: silentLogger },
    start,
  );
  const seen = lookAt(marks, since);
  const restored = thread.call("start").then(since);
  const output = untilOutput(log, run).then(since);
  const { imported, firstCall } = await seen;
  const { user, system } = await thread.worker.cpuUsage();
  const cpu = (user + system) / 1000;
  const cold = { imported, restored: await restored, firstCall, firstOutput: await output, cpu };
  await thread.call("stop", 5000);
  await thread.worker.terminate();
  return cold;
}

async function lookAt(marks: SharedArrayBuffer, since: () => number): Promise<{ imported: number; firstCall: number }> {
  let imported = 0;
  for (;;) {
    const { beats, marks: calls } = readCallMarks(marks);
    if (beats > 0 && imported === 0) imported = since();
    if (calls > 0) return { imported, firstCall: since() };
    await delay(LOOK_MS);
  }
}

async function untilOutput(log: EmbeddedLog | InstallationLog["log"], run: number): Promise<void> {
  const reader = log.openReader([{ topic: "readings", partition: 0, offset: 0 }]);
  const wanted = readingOf(run).timestamp;
  for (;;) {
    const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 1000 });
    const isThere = slices.some(({ records }) =>
      records.some(
        (record) =>
          record.header(HEADER.functionVersion) !== undefined &&
          record.timestamp === wanted &&
          record.header(HEADER.source)?.startsWith("functions"),
      ),
    );
    if (isThere) break;
  }
  reader.close();
}

function readingOf(run: number): RecordInput {
  const at = Date.UTC(2026, 0, 1) + run * 1000;
  const reading: Reading = { v: 1, tenant: "default", device: DEVICE, ts: at, received: at, metrics: { madeAt: run } };
  return {
    timestamp: at,
    key: `default/${DEVICE}`,
    value: Buffer.from(JSON.stringify(reading)),
    headers: [
      [HEADER.source, `main telemetry 0 1 ${run} 0 0`],
      [HEADER.functionVersion, "clean@1"],
    ],
  };
}

async function deployEverywhere(log: EmbeddedLog, directory: string): Promise<void> {
  const file = join(directory, "echo.ts");
  writeFileSync(file, ECHO);
  const { code, hash } = await bundleFunctions(file);
  const control: ControlRecord = {
    v: 1,
    kind: "deploy",
    revision: 1,
    stage: "functions",
    removed: false,
    function: { name: "echo", version: 1, hash, code },
  };
  const value = Buffer.from(JSON.stringify(control));
  const record: RecordInput = {
    timestamp: Date.UTC(2026, 0, 1),
    key: null,
    value,
    headers: [[HEADER.controlKind, "deploy"]],
  };
  for (let partition = 0; partition < log.partitionCount; partition += 1)
    await log.append("readings", partition, [record]);
}
