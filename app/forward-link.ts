import { createKafkaUpstreamLink } from "../sinks/forward/kafka-upstream-link.ts";
import { createMqttUpstreamLink } from "../sinks/forward/mqtt-upstream-link.ts";
import { openForeignKafka } from "./foreign-kafka.ts";
import { parseKafkaUrl, type KafkaTopicAddress } from "./kafka-url.ts";
import { secretOfFile } from "./secret-file.ts";
import type { Clock } from "../core/clock.ts";
import type { UpstreamLink } from "../sinks/forward/upstream-link.ts";
import type { Config } from "./config.ts";

export interface ForwardLinkParts {
  readonly config: Config;
  readonly url: string;
  /** Of the edge: what its connections and its partition of a topic are known by. */
  readonly installation: string;
  readonly clock: Clock;
}

/** The way upstream that is configured. Client libraries are loaded when something is sent. */
export function createForwardLink({ config, url, installation, clock }: ForwardLinkParts): UpstreamLink {
  const address = parseKafkaUrl(url);
  if (address !== null) return createKafkaLink(config, address, installation, clock);
  const token = (): string => forwardSecret(config);
  return createMqttUpstreamLink({ url, token, clientId: `edge-${installation}` });
}

function createKafkaLink(config: Config, address: KafkaTopicAddress, installation: string, clock: Clock): UpstreamLink {
  const { topic, place } = address;
  const secret = (): string => forwardSecret(config);
  const signIn = { mechanism: config.forwardSasl ?? null, user: config.forwardUser ?? "", secret };
  return createKafkaUpstreamLink({
    place,
    topic,
    async open() {
      const [{ KafkaTopicProducer }, cluster] = await Promise.all([
        import("../log/kafka/kafka-topic-producer.ts"),
        openForeignKafka(config, address, signIn, "forwarder"),
      ]);
      return new KafkaTopicProducer({ cluster, topic, key: installation, clock });
    },
  });
}

/** As it is now. CONFIG_INVALID when its file cannot be read, or is empty. */
function forwardSecret({ forwardToken: given, forwardTokenFile: file = "" }: Config): string {
  return given ?? secretOfFile(file, "the file with the token for the installation upstream");
}
