import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { eventually } from "../../../contract/event-log/log-harness.ts";
import { openSessionStore } from "../../../support/lmdb-session-store.ts";
import { type ChildLine, clientOf, WORKERS } from "./store-call.ts";

const CHILD = fileURLToPath(new URL("./store-child.ts", import.meta.url));

/** A limit on the size of files makes writes fail as a full disk does; `prlimit` lifts it while the process runs. */
test.skipIf(process.platform !== "linux")(
  "a store that cannot be written refuses, has what it answered, and takes calls again by itself (needs Linux)",
  { timeout: 90_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "millrace-full-"));
    const limited = `ulimit -S -f 4000; exec "$0" "$@"`;
    const child = spawn("sh", ["-c", limited, process.execPath, CHILD, directory, "20000"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    let output = "";
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (complaints += chunk));
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const lines = (): readonly ChildLine[] =>
      output
        .split("\n")
        .slice(0, -1)
        .map((line): ChildLine => JSON.parse(line));
    const faults = () => lines().flatMap((line) => ("fault" in line ? [line.fault] : []));
    const refusals = () => lines().flatMap((line) => ("refused" in line ? [line.refused] : []));
    try {
      await eventually(
        "refusals of every worker",
        async () => {
          if (child.exitCode !== null || child.signalCode !== null) {
            throw new Error(`the process ended with ${child.exitCode ?? child.signalCode}: ${complaints}`);
          }
          return refusals().length >= 10 * WORKERS;
        },
        // A disk that takes 100 ms for a sync is full only after half a minute.
        45_000,
      );
      const before = lines().length;
      execFileSync("prlimit", ["--pid", String(child.pid), "--fsize=unlimited:unlimited"]);
      await eventually("answers again", async () =>
        lines()
          .slice(before)
          .some((line) => "done" in line),
      );
      await eventually("the fault is over", async () => faults().at(-1) === "cleared");
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
    expect(new Set(refusals())).toEqual(new Set(["SESSION_STORE_IO"]));
    // Reading, which a full disk allows, does not end it.
    const ends = lines().flatMap((line) => ("fault" in line ? [line.fault] : "done" in line ? ["done"] : []));
    expect(ends.join(" ").replaceAll(/ ?(done )*done/g, " done")).toMatch(
      /^( done)* raised( cleared done raised)* cleared( done)?$/,
    );
    const store = await openSessionStore({ directory });
    for (let worker = 0; worker < WORKERS; worker++) {
      const queued = await store.queued(clientOf(worker), 0, 10_000);
      const own = lines().filter((line) => line.worker === worker);
      const answered = own.filter((line) => "done" in line).length;
      // Answered ones, and perhaps the one that was under way when the process was killed; never one that was refused.
      expect(queued.length - answered).toBeGreaterThanOrEqual(0);
      expect(queued.length - answered).toBeLessThanOrEqual(1);
      expect(queued.map(({ sequence }) => sequence)).toEqual(queued.map((_, index) => index + 1));
    }
    await store.stop(AbortSignal.timeout(5000));
    await rm(directory, { recursive: true });
  },
);
