import { setPriority } from "node:os";
import { threadName } from "node:worker_threads";

/**
 * Niceness of the threads that need not answer a device: where cores are short, the one that acknowledges runs first, and dashboards before tables. A
 * niceness is a share of the time and no order: nobody starves. A process has that of the thread that starts it, and so have all its threads: the embedded
 * ClickHouse, with its merges and roll-ups, that of "clickhouse".
 */
const NICENESS: ReadonlyMap<string, number> = new Map([
  ["services", 3],
  ["shared", 3],
  ["processors", 5],
  ["functions", 7],
  ["function-check", 7],
  ["clickhouse", 10],
  ["replay", 10],
  ["why", 10],
  ["simulator", 10],
]);

/** Called by a thread for itself. Only on Linux is a priority that of a thread; elsewhere it would be that of the process. */
export function giveWay(): void {
  const niceness = NICENESS.get(threadName ?? "");
  if (process.platform !== "linux" || niceness === undefined) return;
  try {
    setPriority(niceness);
  } catch {
    // A container that forbids it runs as fairly as the system makes it.
  }
}
