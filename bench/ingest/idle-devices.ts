import { setTimeout as delay } from "node:timers/promises";
import { treeCpuSeconds, treeMegabytes } from "../process-tree.ts";
import { openConnections } from "./ingest-connection.ts";
import { LatencySamples } from "./latency-samples.ts";
import type { IngestClient } from "./load-shapes.ts";

/** What this process is told: to open a connection per client, publish once on each, and look what the server takes. */
export interface IdleLoad {
  readonly port: number;
  readonly serverPid: number;
  readonly clients: readonly IngestClient[];
}

export interface IdleResult {
  readonly rssKilobytesPerConnection: number;
  /** From the TCP connection to the CONNACK, of clients that have been there a moment ago. */
  readonly cpuMicrosPerConnect: number;
}

const ONE_MESSAGE = { window: 1, batch: 1 };
/** Until a server has tidied up behind connections that came or went. */
const SETTLE_MS = 2000;

process.once("disconnect", () => process.exit(1));
process.once("message", (load: IdleLoad) => {
  void run(load).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run({ port, serverPid, clients }: IdleLoad): Promise<IdleResult> {
  const rss = (): number => treeMegabytes(serverPid, "Rss", "/log.mdb") * 1000;
  const rssBefore = rss();
  const samples = new LatencySamples();
  const first = await openConnections(port, clients, ONE_MESSAGE, samples);
  for (const connection of first) connection.publish(performance.now());
  while (first.some(({ outstanding }) => outstanding > 0)) await delay(10);
  await delay(SETTLE_MS);
  const rssKilobytesPerConnection = (rss() - rssBefore) / clients.length;
  for (const connection of first) connection.close();
  await delay(SETTLE_MS);

  const cpuBefore = treeCpuSeconds(serverPid);
  await openConnections(port, clients, ONE_MESSAGE, samples);
  const cpuMicrosPerConnect = ((treeCpuSeconds(serverPid) - cpuBefore) / clients.length) * 1_000_000;
  return { rssKilobytesPerConnection, cpuMicrosPerConnect };
}
