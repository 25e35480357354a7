import { createHash } from "node:crypto";
import { systemClock } from "../../core/clock.ts";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { KafkaTopicConsumer } from "../../log/kafka/kafka-topic-consumer.ts";
import { createMqttUpstreamLink } from "../../sinks/forward/mqtt-upstream-link.ts";
import { badRecordsFile } from "../../sinks/relay/bad-records-file.ts";
import { holdBadRecords } from "../../sinks/relay/hold-bad-records.ts";
import { createRelay } from "../../sinks/relay/relay.ts";
import { openForeignKafka } from "../foreign-kafka.ts";
import { createLogger } from "../logging.ts";
import { secretOfFile } from "../secret-file.ts";
import { EXIT } from "./output.ts";
import { interruptSignal } from "./register-devices.ts";
import type { Config } from "../config.ts";
import type { RelaySettings } from "../relay-settings.ts";

const STOP_DEADLINE_MS = 10_000;
const ID_CHARACTERS = 16;

/** Runs until SIGINT or SIGTERM: then it finishes the envelopes under way, commits, and leaves the group. */
export async function relayCommand(settings: RelaySettings, config: Config, json: boolean): Promise<number> {
  const { address, to, group, skipBad } = settings;
  const { topic, place } = address;
  const logger = createLogger(settings.logLevel, "relay");
  const token = (): string =>
    settings.token ?? secretOfFile(settings.tokenFile ?? "", "the file with the token for the installation upstream");
  const cluster = await openForeignKafka(
    config,
    address,
    {
      mechanism: settings.sasl ?? null,
      user: settings.user ?? "",
      secret: () => settings.password ?? secretOfFile(settings.passwordFile ?? "", "the file with Kafka's password"),
    },
    "relay",
  );
  // The same for whoever works the partition: the upstream lets the connection of the last one go.
  const id = createHash("sha256").update(`${topic} ${group}`).digest("hex").slice(0, ID_CHARACTERS);
  const relay = createRelay({
    link: (partition) =>
      createMqttUpstreamLink({
        url: to,
        token,
        tokenSetting: "MILLRACE_RELAY_TOKEN",
        clientId: `relay-${id}-${partition}`,
      }),
    bad: skipBad === undefined ? holdBadRecords(logger) : badRecordsFile(skipBad, topic, logger),
    clock: systemClock,
    logger,
    metrics: createMetrics(),
  });
  const consumer = new KafkaTopicConsumer({ cluster, topic, group, listener: relay, logger });
  const signal = interruptSignal();
  try {
    await consumer.start();
  } catch (error) {
    cluster.close();
    throw startFailure(error, settings);
  }
  console.log(
    json
      ? JSON.stringify({ from: settings.from, to, group })
      : `Relays ${topic} of ${place} to ${to}, in the group ${group}. Ctrl-C stops it; nothing is lost.`,
  );
  await untilInterrupted(signal);
  await consumer.stop(AbortSignal.timeout(STOP_DEADLINE_MS));
  return EXIT.ok;
}

function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** With a remedy that names this command's own settings. */
function startFailure(error: unknown, { address: { topic, place }, group }: RelaySettings): unknown {
  if (!isMillraceError(error)) return error;
  const remedies: Partial<Record<string, string>> = {
    UNKNOWN_TOPIC: `Make it (kafka-topics.sh --bootstrap-server ${place.replace(/^\w+:\/\//, "")} --create --topic ${topic} --partitions 1 --replication-factor 3 --config min.insync.replicas=2), or correct --from.`,
    NOT_AUTHORIZED: `Give the user READ and DESCRIBE on the topic ${topic}, and READ on the group ${group}.`,
    CONFIG_INVALID:
      "Check --from (kafkas:// with TLS), --sasl, --user and the password. Brokers are to be Apache Kafka 4.0 to 4.3.",
    LOG_LOST: "Check --from, and whether the brokers run and want TLS (kafkas://) or --sasl.",
    LOG_IO: `Give the user READ on the group ${group}, and name no group with --group that consumers of another kind use.`,
  };
  const remedy = remedies[error.code] ?? error.remedy;
  return new MillraceError(error.code, error.message, { cause: error, ...(remedy === undefined ? {} : { remedy }) });
}
