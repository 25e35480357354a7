import { mkdir, rm, stat } from "node:fs/promises";
import { chdbLayout } from "./chdb-layout.ts";
import { createHttpFront } from "./http-front.ts";
import { writeServerPid } from "./server-pid.ts";
import type { ChdbEngine } from "./chdb-engine.ts";
import type { ChdbReport, ChdbStart } from "./chdb-messages.ts";

/** The program of the child process. It serves until the parent says stop, and ends with the parent, however that one ends. */
function main(): void {
  let stop: () => void = () => process.exit(0);
  process.on("message", (message: unknown) => {
    if (isStart(message)) {
      serve(message).then(
        (close) => void (stop = close),
        (error: unknown) =>
          report({ type: "failed", reason: error instanceof Error ? error.message : String(error) }, 1),
      );
    } else stop();
  });
  // Also after kill -9 of the parent. At once: what was acknowledged is on disk, and closing could hang.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // A Ctrl-C in the terminal reaches the whole group; the parent decides when its child goes.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
}

async function serve({ root, password }: ChdbStart): Promise<() => void> {
  const layout = chdbLayout(root);
  await mkdir(layout.database, { recursive: true });
  const { openChdbEngine } = await import("./chdb-engine.ts");
  const engine: ChdbEngine = openChdbEngine(layout.database);
  // Only now: before the lock is held, these may be another process's.
  await writeServerPid(layout.pidFile);
  await rm(layout.inserts, { recursive: true, force: true });
  await mkdir(layout.inserts);
  const isInPlace = await watchPlace(layout.database);
  const checkHealth = async (): Promise<void> => {
    if (!(await isInPlace())) throw new Error("the folder of the database is gone");
    await engine.probe();
  };
  const server = createHttpFront({ engine, inserts: layout.inserts, password, checkHealth });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  report({ type: "ready", port: address.port });
  return () => {
    server.close();
    server.closeAllConnections();
    engine.close();
    process.exit(0);
  };
}

/** Whether the folder is still the one that was opened. In a deleted one the engine goes on for a while, with nothing kept. */
async function watchPlace(path: string): Promise<() => Promise<boolean>> {
  const opened = await stat(path);
  return async () => {
    const now = await stat(path).catch(() => null);
    return now !== null && now.ino === opened.ino && now.dev === opened.dev;
  };
}

function report(message: ChdbReport, exitCode?: number): void {
  process.send?.(message, () => {
    if (exitCode !== undefined) process.exit(exitCode);
  });
}

function isStart(message: unknown): message is ChdbStart {
  return typeof message === "object" && message !== null && "type" in message && message.type === "start";
}

main();
