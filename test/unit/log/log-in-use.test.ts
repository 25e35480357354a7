import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readPartition } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";

const CHILD = fileURLToPath(new URL("./log-child.ts", import.meta.url));

test(
  "a log that a live process has open is refused and goes on undisturbed; after kill -9 it opens",
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "millrace-in-use-"));
    const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "pipe", "ignore"] });
    let acknowledged = 0;
    child.stdout.on("data", (chunk: Buffer) => (acknowledged += chunk.toString().split('"append"').length - 1));
    const more = async (): Promise<void> => {
      const before = acknowledged;
      while (acknowledged === before) await once(child.stdout, "data");
    };
    await more();
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(openTestLog(directory)).rejects.toMatchObject({ code: "DATA_DIRECTORY_LOCKED" });
    }
    await more();
    child.kill("SIGKILL");
    await once(child, "exit");
    const log = await openTestLog(directory);
    const found = await Promise.all([0, 1, 2, 3].map((partition) => readPartition(log, "telemetry", partition, 0)));
    expect(found.flat().length).toBeGreaterThanOrEqual(acknowledged);
    await log.close(AbortSignal.timeout(5000));
    await rm(directory, { recursive: true, force: true });
  },
);
