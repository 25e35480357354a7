import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { runToFailure } from "../support/start-failure.ts";

/** A thread that ends by itself takes the whole process with it, so that a supervisor starts a whole one again. */
let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.dispose());

/** Loaded into every thread; acts in the one that is named. */
function plant(thread: string, act: string): Record<string, string> {
  const source = `import { threadName } from "node:worker_threads"; if (threadName === "${thread}") { ${act} }`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(source)}` };
}

const THREADS = ["services", "processors"] as const;
const args = (): string[] => {
  return ["start", "--data", directory.path, "--no-clickhouse", "--log-level", "error", ...FREE_PORTS];
};

test.each(THREADS)(
  "%s that cannot start ends the start with its cause, and nothing is left running",
  async (thread) => {
    const failed = await runToFailure({ args: args(), environment: plant(thread, 'throw new Error("planted");') });
    expect(failed.said).toContain("millrace: Error: planted");
    expect(failed).toMatchObject({ code: 1, stdout: "", leftRunning: false });
  },
);

test.each(THREADS)(
  "%s that ends while running ends the process with its cause, and nothing is left running",
  async (thread) => {
    // The file is written when all parts have started, a moment before the instance says that it is ready.
    const started = JSON.stringify(join(directory.path, "instance.json"));
    const later = plant(
      thread,
      `const { existsSync } = await import("node:fs");
     const look = setInterval(() => {
       if (!existsSync(${started})) return;
       clearInterval(look);
       setTimeout(() => { throw new Error("planted"); }, 2000);
     }, 50);`,
    );
    const failed = await runToFailure({ args: args(), environment: later });
    expect(failed.stdout).toContain("Millrace is ready");
    expect(failed.said).toContain("millrace: planted. Nothing acknowledged is lost; start it again.");
    expect(failed).toMatchObject({ code: 1, leftRunning: false });
  },
);
