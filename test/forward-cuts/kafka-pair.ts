import { join } from "node:path";
import { errorText } from "../../core/errors.ts";
import { startCommand, temporaryDirectory, type Launched } from "../support/instance.ts";
import { createTestTopic, type TestTopic } from "../support/kafka-topic.ts";
import { IMPATIENT, startKafka, type KafkaServers } from "../support/kafka-servers.ts";
import { eventually } from "../support/stage-on-log.ts";
import { addGateway, sideOf, type ForwardPair } from "./forward-pair.ts";
import { caughtUp, unreadyReasons } from "./forward-progress.ts";
import { openLinkProxy } from "./link-proxy.ts";

/** `millrace relay`, as a process. */
export interface RelaySide {
  readonly process: Launched<RelayLine> | null;
  start(...flags: readonly string[]): Promise<void>;
  kill(): Promise<void>;
  /** In order; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** What its `/readyz` says; empty when it is ready. */
  unreadyReasons(): Promise<readonly string[]>;
}

interface RelayLine {
  readonly http: string;
}

/** An edge that forwards into a topic, a relay that reads it, and a cloud behind a link of the relay that can be cut. */
export interface KafkaPair extends ForwardPair {
  readonly kafka: KafkaServers;
  readonly topic: TestTopic;
  readonly relay: RelaySide;
  /** Another one of the same group, which does not run yet. It is killed at the end. */
  anotherRelay(): RelaySide;
  /** What the edge has is in the topic, from there upstream, and through the stage there. */
  caughtUp(withinMs: number): Promise<void>;
}

export const RELAY_GROUP = "millrace-relay";

export interface KafkaPairOptions {
  readonly partitions?: number;
  readonly signal?: AbortSignal;
  /** In place of a broker of its own. */
  readonly kafka?: KafkaServers;
  /** How edge and relay reach it and sign in; without it in plain text. */
  readonly way?: KafkaWay;
}

export interface KafkaWay {
  /** `kafkas://host:port` */
  readonly place: string;
  readonly edgeEnvironment: Readonly<Record<string, string>>;
  readonly relayEnvironment: Readonly<Record<string, string>>;
}

/** All of them run. */
export async function startKafkaPair(options: KafkaPairOptions = {}): Promise<KafkaPair> {
  const directory = temporaryDirectory();
  const signalled = options.signal === undefined ? {} : { signal: options.signal };
  const kafka = options.kafka ?? (await startKafka(1, IMPATIENT));
  const topic = await createTestTopic(kafka.addresses, `edges-${process.pid}-${Date.now()}`, options.partitions ?? 1);
  const url = options.way === undefined ? topic.url : `${options.way.place}/${topic.topic}`;
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
    environment: { MILLRACE_FORWARD_URL: url, ...options.way?.edgeEnvironment },
  });
  const relayEnvironment = { MILLRACE_RELAY_TOKEN: token, ...options.way?.relayEnvironment };
  const newRelay = (): RelaySide =>
    relayOf([`--from=${url}`, `--to=mqtt://127.0.0.1:${link.port}`, "--probe-port=0"], {
      ...signalled,
      environment: relayEnvironment,
    });
  const relay = newRelay();
  await Promise.all([edge.start(), relay.start()]);
  const others: RelaySide[] = [];
  const pair: KafkaPair = {
    edge,
    cloud,
    link,
    kafka,
    topic,
    relay,
    boxToken: await addGateway(edge.data, "box"),
    anotherRelay() {
      const another = newRelay();
      others.push(another);
      return another;
    },
    giveToken: () => Promise.reject(new Error("the edge has no token")),
    async caughtUp(withinMs) {
      try {
        await caughtUp(pair, withinMs);
        await eventually(async () => (await topic.lag(RELAY_GROUP).catch(() => 1)) === 0, withinMs);
        await caughtUp(pair, withinMs);
      } catch (error) {
        const reasons = await Promise.allSettled([unreadyReasons(edge), relay.unreadyReasons()]);
        throw new Error(`${errorText(error)}: ${JSON.stringify(reasons)}`, { cause: error });
      }
    },
    async dispose() {
      await Promise.all([edge, cloud, relay, ...others].map((side) => side.kill()));
      topic.close();
      await link.close();
      if (options.kafka === undefined) await kafka.stop();
      directory.dispose();
    },
  };
  return pair;
}

function relayOf(
  args: readonly string[],
  options: { readonly environment: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
): RelaySide {
  let launched: Launched<RelayLine> | null = null;
  return {
    get process() {
      return launched;
    },
    async start(...flags) {
      launched = await startCommand<RelayLine>(["relay", ...args, ...flags], options);
    },
    async kill() {
      await launched?.kill();
    },
    stop: async () => (await launched?.stop()) ?? null,
    async unreadyReasons() {
      const response = await fetch(`${launched?.ready.http}/readyz`);
      const { reasons }: { readonly reasons: readonly string[] } = JSON.parse(await response.text());
      return reasons;
    },
  };
}
