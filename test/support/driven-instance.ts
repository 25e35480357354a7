import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { main } from "../../app/cli.ts";
import { takeNodeFlags } from "../../app/node-flags.ts";
import { WorkerPool } from "../../runtime/autoscaler/worker-pool.ts";
import type { Worker } from "node:worker_threads";

/**
 * An instance as bin/millrace.js starts it, with `--autoscale on`, whose threads of users' functions are at the mercy of who writes to the
 * socket MILLRACE_TEST_CONTROL. `scale 8`: so many, from then on, whatever the autoscaler decides. `kill 0.5`: ends one of them wherever
 * it is, by its place among those that there are, and answers how many there were. `rest`: none, until the autoscaler decides again.
 */
takeNodeFlags();

const RETRY_MS = 100;
const workers = new Set<Worker>();
let pool: WorkerPool | null = null;
let wanted: number | null = null;
let following: Promise<void> | null = null;

process.on("worker", (worker) => {
  if (worker.threadName !== "functions") return;
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
});

const { scaleTo, warm } = WorkerPool.prototype;
WorkerPool.prototype.scaleTo = function scaleToUnlessDriven(replicas) {
  return wanted === null ? scaleTo.call(this, replicas) : Promise.resolve();
};
WorkerPool.prototype.warm = function warmAndKnow() {
  warm.call(this);
  know(this);
};

function know(warmed: WorkerPool): void {
  pool = warmed;
  follow();
}

/** Until there are as many as are wanted: a thread may be ended on the way there. */
function follow(): void {
  following ??= (async () => {
    while (pool !== null && wanted !== null && (await scaled(pool, wanted)) !== wanted) await delay(RETRY_MS);
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

async function obey(line: string): Promise<string> {
  const [command, value] = line.split(" ");
  if (command === "kill") return String(killOne(Number(value)));
  if (command === "rest" && pool !== null) await scaleTo.call(pool, 0);
  if (command === "scale") {
    wanted = Number(value);
    follow();
  }
  return "done";
}

const control = process.env["MILLRACE_TEST_CONTROL"];
if (control === undefined) throw new Error("MILLRACE_TEST_CONTROL is not set");
const server = createServer((socket) => {
  socket.once("data", (data) => void obey(data.toString().trim()).then((answer) => socket.end(`${answer}\n`)));
  socket.on("error", () => socket.destroy());
});
// Of one that was killed.
rmSync(control, { force: true });
server.listen(control);
server.unref();

await main(process.argv);
