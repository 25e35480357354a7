import { join } from "node:path";
import { startCommand, temporaryDirectory, type Launched } from "../support/instance.ts";
import { createTestTopic, type TestTopic } from "../support/kafka-topic.ts";
import { IMPATIENT, startKafka, type KafkaServers } from "../support/kafka-servers.ts";
import { eventually } from "../support/stage-on-log.ts";
import { addGateway, sideOf, type ForwardPair } from "./forward-pair.ts";
import { caughtUp } from "./forward-progress.ts";
import { openLinkProxy } from "./link-proxy.ts";

/** `millrace relay`, as a process. */
export interface RelaySide {
  readonly process: Launched<unknown> | null;
  start(...flags: readonly string[]): Promise<void>;
  kill(): Promise<void>;
  /** In order; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** An edge that forwards into a topic, a relay that reads it, and a cloud behind a link of the relay that can be cut. */
export interface KafkaPair extends ForwardPair {
  readonly kafka: KafkaServers;
  readonly topic: TestTopic;
  readonly relay: RelaySide;
  /** What the edge has is in the topic, from there upstream, and through the stage there. */
  caughtUp(withinMs: number): Promise<void>;
}

export const RELAY_GROUP = "millrace-relay";

export interface KafkaPairOptions {
  readonly partitions?: number;
  readonly signal?: AbortSignal;
  /** In place of a broker of its own. */
  readonly kafka?: KafkaServers;
}

/** All of them run. */
export async function startKafkaPair(options: KafkaPairOptions = {}): Promise<KafkaPair> {
  const directory = temporaryDirectory();
  const signalled = options.signal === undefined ? {} : { signal: options.signal };
  const kafka = options.kafka ?? (await startKafka(1, IMPATIENT));
  const topic = await createTestTopic(kafka.addresses, `edges-${process.pid}-${Date.now()}`, options.partitions ?? 1);
  const cloud = await sideOf(join(directory.path, "cloud"), {
    ...signalled,
    flags: ["--no-clickhouse", "--partitions", "8"],
    environment: {},
  });
  await cloud.start();
  const token = await addGateway(cloud.data, "edges");
  const link = await openLinkProxy(cloud.mqttPort);
  const edge = await sideOf(join(directory.path, "edge"), {
    ...signalled,
    flags: ["--no-clickhouse", "--processor-threads", "1"],
    environment: { MILLRACE_FORWARD_URL: topic.url },
  });
  const relay = relayOf([`--from=${topic.url}`, `--to=mqtt://127.0.0.1:${link.port}`], token, options.signal);
  await Promise.all([edge.start(), relay.start()]);
  const pair: KafkaPair = {
    edge,
    cloud,
    link,
    kafka,
    topic,
    relay,
    boxToken: await addGateway(edge.data, "box"),
    giveToken: () => Promise.reject(new Error("the edge has no token")),
    async caughtUp(withinMs) {
      await caughtUp(pair, withinMs);
      await eventually(async () => (await topic.lag(RELAY_GROUP).catch(() => 1)) === 0, withinMs);
      await caughtUp(pair, withinMs);
    },
    async dispose() {
      await Promise.all([edge.kill(), cloud.kill(), relay.kill()]);
      topic.close();
      await link.close();
      if (options.kafka === undefined) await kafka.stop();
      directory.dispose();
    },
  };
  return pair;
}

function relayOf(args: readonly string[], token: string, signal: AbortSignal | undefined): RelaySide {
  let launched: Launched<unknown> | null = null;
  const environment = { MILLRACE_RELAY_TOKEN: token };
  return {
    get process() {
      return launched;
    },
    async start(...flags) {
      const options = { environment, ...(signal === undefined ? {} : { signal }) };
      launched = await startCommand(["relay", ...args, ...flags], options);
    },
    async kill() {
      await launched?.kill();
    },
    stop: async () => (await launched?.stop()) ?? null,
  };
}
