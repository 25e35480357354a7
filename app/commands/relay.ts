import { createHash } from "node:crypto";
import { aborted } from "../../core/aborted.ts";
import { systemClock } from "../../core/clock.ts";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { KafkaTopicConsumer } from "../../log/kafka/kafka-topic-consumer.ts";
import { createTopicCommand } from "../../sinks/forward/create-topic-command.ts";
import { createMqttUpstreamLink } from "../../sinks/forward/mqtt-upstream-link.ts";
import { badRecordsFile } from "../../sinks/relay/bad-records-file.ts";
import { holdBadRecords } from "../../sinks/relay/hold-bad-records.ts";
import { createRelay } from "../../sinks/relay/relay.ts";
import { openForeignKafka } from "../foreign-kafka.ts";
import { createLogger } from "../logging.ts";
import { serveRelayProbes, type RelayProbes } from "../relay-probes.ts";
import { secretOfFile } from "../secret-file.ts";
import { EXIT } from "./output.ts";
import { interruptSignal } from "./register-devices.ts";
import type { Logger } from "../../core/logger.ts";
import type { UpstreamLink } from "../../sinks/forward/upstream-link.ts";
import type { KafkaCluster } from "../../log/kafka/kafka-cluster.ts";
import type { Config } from "../config.ts";
import type { RelaySettings } from "../relay-settings.ts";

const STOP_DEADLINE_MS = 10_000;
const ID_CHARACTERS = 16;

/** Runs until SIGINT or SIGTERM: then it finishes the envelopes under way, commits, and leaves the group. */
export async function relayCommand(settings: RelaySettings, config: Config, json: boolean): Promise<number> {
  const { address, group } = settings;
  const signal = interruptSignal();
  const logger = createLogger(config.logLevel, "relay");
  const metrics = createMetrics();
  const cluster = await openKafka(settings, config);
  const relay = createRelay({ ...relayParts(settings, cluster, logger), clock: systemClock, logger, metrics });
  const consumer = new KafkaTopicConsumer({ cluster, topic: address.topic, group, listener: relay, logger });
  const probes = await probesOf(settings, {
    notReadyReasons: () => [...consumer.notReadyReasons(), ...relay.notReadyReasons()],
    metrics: () => metrics.snapshot(),
  });
  try {
    await consumer.start();
    say(settings, probes, json);
    await aborted(signal);
    process.once("SIGINT", () => process.exit(130));
    await consumer.stop(AbortSignal.timeout(STOP_DEADLINE_MS));
    return EXIT.ok;
  } catch (error) {
    throw startFailure(error, settings);
  } finally {
    cluster.close();
    await probes?.close();
  }
}

function openKafka(settings: RelaySettings, config: Config) {
  const { address, sasl: mechanism = null, user = "", password, passwordFile = "" } = settings;
  const secret = (): string => password ?? secretOfFile(passwordFile, "the file with the password for the Kafka");
  return openForeignKafka(config, address, { mechanism, user, secret }, "relay");
}

function relayParts(settings: RelaySettings, cluster: Pick<KafkaCluster, "metadata">, logger: Logger) {
  const { address, to: url, group, skipBad, token: given, tokenFile = "" } = settings;
  const { topic } = address;
  const token = (): string => given ?? secretOfFile(tokenFile, "the file with the token for the installation upstream");
  const tokenSetting = "MILLRACE_RELAY_TOKEN";
  // The same for whoever works the partition: the upstream lets the connection of the last one go. Two Kafkas may have topics of one name.
  const clientIdOf = (partition: number): string => {
    const name = `${cluster.metadata.clusterId ?? ""} ${topic} ${group}`;
    return `relay-${createHash("sha256").update(name).digest("hex").slice(0, ID_CHARACTERS)}-${partition}`;
  };
  return {
    link: (partition: number): UpstreamLink =>
      createMqttUpstreamLink({ url, token, tokenSetting, clientId: clientIdOf(partition) }),
    bad: skipBad === undefined ? holdBadRecords(logger) : badRecordsFile(skipBad, topic, logger),
  };
}

async function probesOf(
  { probeHost: host, probePort: port }: RelaySettings,
  relay: Parameters<typeof serveRelayProbes>[1],
): Promise<RelayProbes | null> {
  return port === undefined ? null : serveRelayProbes({ host, port }, relay);
}

function say({ address, from, to, group, probeHost }: RelaySettings, probes: RelayProbes | null, json: boolean): void {
  const http = probes === null ? null : `http://${probeHost}:${probes.port}`;
  console.log(
    json
      ? JSON.stringify({ from, to, group, http })
      : `Relays ${address.topic} of ${address.place} to ${to}, in the group ${group}${http === null ? "" : `; ${http}/readyz says how it is`}. Ctrl-C stops it; nothing is lost.`,
  );
}

/** With a remedy that names this command's own settings. */
function startFailure(error: unknown, { address: { topic, place }, group }: RelaySettings): unknown {
  if (!isMillraceError(error)) return error;
  const remedies: Partial<Record<string, string>> = {
    UNKNOWN_TOPIC: `Make it (${createTopicCommand(place, topic)}), or correct --from.`,
    NOT_AUTHORIZED: `Give the user READ and DESCRIBE on the topic ${topic}, and READ on the group ${group}.`,
    CONFIG_INVALID:
      "Check --from (kafkas:// with TLS), --sasl, --user and the password. Brokers are to be Apache Kafka 4.0 to 4.3.",
    LOG_LOST: "Check --from, and whether the brokers run and want TLS (kafkas://) or --sasl.",
    LOG_IO: `Give the user READ on the group ${group}, and name no group with --group that consumers of another kind use.`,
  };
  const remedy = remedies[error.code] ?? error.remedy;
  return new MillraceError(error.code, error.message, { cause: error, ...(remedy === undefined ? {} : { remedy }) });
}
