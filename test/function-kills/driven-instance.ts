import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { main } from "../../app/cli.ts";
import { takeNodeFlags } from "../../app/node-flags.ts";
import { WorkerPool } from "../../runtime/autoscaler/worker-pool.ts";
import type { Worker } from "node:worker_threads";

/**
 * An instance as bin/millrace.js starts it with `--autoscale on`, but how many threads users' functions have is said through the socket
 * MILLRACE_TEST_CONTROL, and not decided: `scale 8`. `kill 0.5` ends one of them wherever it is, by its place among those that there are,
 * and answers how many there were.
 */
takeNodeFlags();

const RETRY_MS = 100;
const workers = new Set<Worker>();
let pool: WorkerPool | null = null;
let wanted = 1;
let following: Promise<void> | null = null;

process.on("worker", (worker) => {
  if (worker.threadName !== "functions") return;
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
});

const { scaleTo, warm } = WorkerPool.prototype;
WorkerPool.prototype.scaleTo = () => Promise.resolve();
WorkerPool.prototype.warm = function warmAndFollow() {
  warm.call(this);
  take(this);
};

function take(warmed: WorkerPool): void {
  pool = warmed;
  follow();
}

/** Until there are as many as are wanted: a thread may be ended on the way there. */
function follow(): void {
  following ??= (async () => {
    while (pool !== null && (await scaled(pool, wanted)) !== wanted) await delay(RETRY_MS);
  })().finally(() => (following = null));
}

async function scaled(all: WorkerPool, replicas: number): Promise<number | null> {
  return scaleTo.call(all, replicas).then(
    () => replicas,
    () => null,
  );
}

function killOne(place: number): number {
  const all = [...workers];
  void all[Math.floor(place * all.length)]?.terminate();
  return all.length;
}

const control = process.env["MILLRACE_TEST_CONTROL"];
if (control === undefined) throw new Error("MILLRACE_TEST_CONTROL is not set");
const server = createServer((socket) => {
  socket.once("data", (data) => {
    const [command, value = ""] = data.toString().trim().split(" ");
    if (command === "kill") socket.end(`${killOne(Number(value))}\n`);
    else {
      wanted = Number(value);
      follow();
      socket.end(`${wanted}\n`);
    }
  });
  socket.on("error", () => socket.destroy());
});
// Of one that was killed.
rmSync(control, { force: true });
server.listen(control);
server.unref();

await main(process.argv);
