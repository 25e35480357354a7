import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connectAsync, type MqttClient } from "mqtt";
import { createBroker } from "../broker/broker.ts";
import { NO_OTHER_GATEWAYS } from "../broker/gateway-link.ts";
import { createRedisLink } from "../broker/redis/redis-link.ts";
import { silentLogger } from "../core/logger.ts";
import { createMetrics } from "../core/metrics.ts";
import { createMemoryLogIntake } from "../test/support/memory-log-intake.ts";
import { findRedis, startRedis } from "../test/support/redis-server.ts";
import { quantile } from "./statistics.ts";

/**
 * What the link to other gateways costs: `node bench/gateway-link.ts`. Gateways are processes of their own with a log in memory, so that
 * the figures are the broker's and the link's.
 */
const MESSAGES = 40_000;
const WINDOW = 100;
const ROUNDS = 3;
const SAMPLES = 500;
const PAYLOAD = Buffer.alloc(200, "x");
const TOPIC = "millrace/acme/a/telemetry";

interface Usage {
  readonly cpuMs: number;
}

async function serve(url: string): Promise<void> {
  const metrics = createMetrics();
  const broker = createBroker({
    listen: { host: "127.0.0.1", port: 0 },
    partitionCount: 8,
    intake: createMemoryLogIntake(),
    authenticator: { authenticate: () => Promise.resolve({ kind: "device", tenant: "acme", id: "a" }) },
    clock: { now: Date.now },
    gatewayId: "bench",
    epoch: 1,
    logger: silentLogger,
    metrics,
    onSeen: () => undefined,
    link:
      url === ""
        ? NO_OTHER_GATEWAYS
        : createRedisLink({ url, installation: "bench", logger: silentLogger, metrics, onFault: () => undefined }),
  });
  await broker.start();
  process.send?.(broker.address.port);
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1000 } satisfies Usage);
  });
}

interface Gateway {
  readonly child: ChildProcess;
  readonly port: number;
  cpuMs(): Promise<number>;
}

async function startGateway(url: string): Promise<Gateway> {
  const child = fork(import.meta.filename, ["serve", url]);
  const [port] = await once(child, "message");
  return {
    child,
    port: Number(port),
    async cpuMs() {
      const answered = once(child, "message");
      child.send("usage");
      const [usage]: Usage[] = await answered;
      return usage?.cpuMs ?? 0;
    },
  };
}

const client = ({ port }: Gateway, clientId: string): Promise<MqttClient> =>
  connectAsync(`mqtt://127.0.0.1:${port}`, { username: "a", password: "token", clientId, reconnectPeriod: 0 });

/** Acknowledged messages per CPU-second of the gateway. */
async function throughput(gateway: Gateway): Promise<number> {
  const publisher = await client(gateway, "publisher");
  let left = MESSAGES;
  const before = await gateway.cpuMs();
  const publish = async (): Promise<void> => {
    while (left-- > 0) await publisher.publishAsync(TOPIC, PAYLOAD, { qos: 1 });
  };
  await Promise.all(Array.from({ length: WINDOW }, publish));
  const spent = (await gateway.cpuMs()) - before;
  await publisher.endAsync();
  return Math.round((MESSAGES / spent) * 1000);
}

async function delivery(from: Gateway, to: Gateway): Promise<number[]> {
  const [publisher, subscriber] = [await client(from, "p"), await client(to, "s")];
  await subscriber.subscribeAsync("millrace/acme/a/#");
  const took = await repeat(async () => {
    const arrived = new Promise<void>((resolve) => subscriber.once("message", () => resolve()));
    publisher.publish(TOPIC, PAYLOAD, { qos: 1 });
    await arrived;
  });
  await Promise.all([publisher.endAsync(), subscriber.endAsync()]);
  return took;
}

async function connects(gateways: readonly Gateway[]): Promise<number[]> {
  let n = 0;
  return repeat(async () => {
    const gateway = gateways[n++ % gateways.length];
    if (gateway !== undefined) await client(gateway, "same");
  });
}

async function repeat(action: () => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < SAMPLES; n++) {
    const startedAt = performance.now();
    await action();
    took.push(performance.now() - startedAt);
  }
  return took;
}

const shown = (took: readonly number[]): string =>
  [0.5, 0.99, 1].map((share) => quantile(took, share).toFixed(2)).join(" / ");

async function run(): Promise<void> {
  const program = findRedis();
  if (program === null) throw new Error("this benchmark needs the redis-server package");
  const redis = await startRedis(program);
  const [alone, one, two] = [await startGateway(""), await startGateway(redis.url()), await startGateway(redis.url())];
  for (let round = 1; round <= ROUNDS; round++) {
    console.log(`round ${round}`);
    console.log("  messages per CPU-second, alone", await throughput(alone));
    console.log("  messages per CPU-second, linked and nobody asks", await throughput(one));
    const subscriber = await client(two, "subscriber");
    await subscriber.subscribeAsync("millrace/acme/a/#");
    console.log("  messages per CPU-second, linked and another asks", await throughput(one));
    await subscriber.endAsync();
    console.log("  delivery in one gateway, ms (middle / 99 % / most)", shown(await delivery(alone, alone)));
    console.log("  delivery to another gateway, ms", shown(await delivery(one, two)));
    console.log("  CONNECT with take-over in one gateway, ms", shown(await connects([alone])));
    console.log("  CONNECT with take-over between two, ms", shown(await connects([one, two])));
  }
  for (const { child } of [alone, one, two]) child.kill();
  await redis.dispose();
}

if (process.argv[2] === "serve") await serve(process.argv[3] ?? "");
else await run();
