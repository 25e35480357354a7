import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { eventually, readPartition } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";

const CHILD = fileURLToPath(new URL("./log-child.ts", import.meta.url));

interface Line {
  readonly append?: [partition: number, offset: number, name: string];
  readonly refused?: string;
}

/** A limit on the size of files makes writes fail as a full disk does; `prlimit` lifts it while the process runs. */
const withoutPrlimit = process.platform !== "linux";

test.skipIf(withoutPrlimit)(
  "a log that cannot be written refuses, acknowledges nothing that is not there, and recovers by itself (needs Linux)",
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "millrace-full-"));
    const child = spawn(
      "sh",
      ["-c", `ulimit -S -f 6000; exec "$0" "$@"`, process.execPath, CHILD, directory, "full", "20000"],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const exited = new Promise((resolve) => child.once("exit", resolve));
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const lines = (): Line[] =>
      output
        .split("\n")
        .slice(0, -1)
        .map((line): Line => JSON.parse(line));
    try {
      const refused = await eventually(
        "a refusal",
        async () => lines().find((line) => line.refused !== undefined)?.refused,
      );
      expect(["LOG_IO", "LOG_FULL"]).toContain(refused);
      const before = lines().length;
      execFileSync("prlimit", ["--pid", String(child.pid), "--fsize=unlimited:unlimited"]);
      await eventually("acknowledgements again", async () =>
        lines()
          .slice(before)
          .some((line) => line.append !== undefined),
      );
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
    const log = await openTestLog(directory);
    const values = await Promise.all([0, 1, 2, 3].map((partition) => readPartition(log, "telemetry", partition, 0)));
    for (const { append } of lines()) {
      if (append !== undefined) expect(values[append[0]]?.[append[1]]?.startsWith(`${append[2]} `)).toBe(true);
    }
    await log.close(AbortSignal.timeout(5000));
    await rm(directory, { recursive: true, force: true });
  },
);
