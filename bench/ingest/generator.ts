import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { treeMegabytes } from "../process-tree.ts";
import { openConnections, type IngestConnection } from "./ingest-connection.ts";
import { LatencySamples } from "./latency-samples.ts";
import { markUsage, usageBetween, type Usage } from "./usage-mark.ts";
import type { Latency } from "../statistics.ts";
import type { BatchShape, IngestClient } from "./load-shapes.ts";

/** What the generator is told. It is a process of its own: its CPU is not the server's. */
export interface IngestLoad {
  readonly port: number;
  readonly serverPid: number;
  readonly shape: BatchShape;
  /** One per connection. */
  readonly clients: readonly IngestClient[];
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** At half of the rate of before; 0 leaves it out. */
  readonly halfSeconds: number;
}

export interface LoadPhase {
  readonly usage: Usage;
  readonly latency: Latency;
}

export interface IngestResult {
  /** Of the whole load, warm-up included. */
  readonly acknowledged: number;
  readonly full: LoadPhase;
  readonly half: LoadPhase | null;
  /** Of the server's tree when the full load is over, without the log's map. */
  readonly rssMegabytes: number;
}

const DRAIN_MS_MAX = 60_000;

process.once("disconnect", () => process.exit(1));
process.once("message", (load: IngestLoad) => {
  void run(load).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run(load: IngestLoad): Promise<IngestResult> {
  const samples = new LatencySamples();
  const connections = await openConnections(load.port, load.clients, load.shape, samples);
  const acknowledged = (): number => connections.reduce((sum, connection) => sum + connection.acknowledged, 0);
  const measure = async (seconds: number): Promise<LoadPhase> => {
    const begun = markUsage(load.serverPid, acknowledged());
    samples.forget();
    await delay(seconds * 1000);
    const usage = usageBetween(begun, markUsage(load.serverPid, acknowledged()));
    return { usage, latency: samples.latency() };
  };

  const flooding = flood(connections);
  await delay(load.warmUpSeconds * 1000);
  const full = await measure(load.seconds);
  flooding.stop();
  await drained(connections);
  const rssMegabytes = treeMegabytes(load.serverPid, "Rss", "/log.mdb");

  if (load.halfSeconds === 0) return { acknowledged: acknowledged(), full, half: null, rssMegabytes };
  const pacing = pace(connections, full.usage.messages / full.usage.seconds / 2 / load.shape.batch);
  await delay((load.halfSeconds / 4) * 1000);
  const half = await measure(load.halfSeconds);
  await pacing.stop();
  await drained(connections);
  return { acknowledged: acknowledged(), full, half, rssMegabytes };
}

/** Keeps every window full. */
function flood(connections: readonly IngestConnection[]): { stop(): void } {
  let over = false;
  for (const connection of connections) {
    const fill = (now: number): void => {
      while (!over && connection.hasRoom) connection.publish(now);
    };
    connection.onAcknowledged = fill;
    fill(performance.now());
  }
  return { stop: () => (over = true) };
}

/**
 * An open loop: batches are due at fixed times, one connection after the other, and latency counts from then, also where a full
 * window holds them up. It asks for the time in every turn: a timer would be late by as much as a PUBACK takes.
 */
function pace(connections: readonly IngestConnection[], batchesPerSecond: number): { stop(): Promise<void> } {
  const waiting = connections.map((): number[] => []);
  const publishDue = (index: number): void => {
    const [connection, queue] = [connections[index], waiting[index]];
    while (connection?.hasRoom === true && queue !== undefined && queue.length > 0)
      connection.publish(queue.shift() ?? 0);
  };
  for (const [index, connection] of connections.entries()) connection.onAcknowledged = () => publishDue(index);
  const begun = performance.now();
  let over = false;
  const running = (async () => {
    for (let made = 0; !over; await nextTurn()) {
      const due = ((performance.now() - begun) / 1000) * batchesPerSecond;
      for (; made < due; made += 1) {
        const index = made % connections.length;
        waiting[index]?.push(begun + (made / batchesPerSecond) * 1000);
        publishDue(index);
      }
    }
  })();
  return {
    async stop() {
      over = true;
      await running;
      for (const queue of waiting) queue.length = 0;
    },
  };
}

async function drained(connections: readonly IngestConnection[]): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX;
  while (connections.some(({ outstanding }) => outstanding > 0)) {
    if (performance.now() > deadline) throw new Error("messages are still not acknowledged");
    await delay(1);
  }
}
