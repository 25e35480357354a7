import { globalOptions } from "./global-options.ts";
import type { Command } from "commander";

/** `millrace start`. The heavy modules load only when it runs. */
export function addStartCommand(program: Command): void {
  const start = program
    .command("start")
    .description("run Millrace: broker, log, functions, tables, dashboard")
    .option("--demo", "also run a small simulated fleet with alarm rules")
    .option("--role <roles>", "all, or some of gateway,processors,sinks,api; see docs/operating.md")
    .option("--release <name>", "what metrics call this release; the package's version unless it is said")
    .option("--standby", "load and connect everything, and become a processor with the line `begin` on standard input")
    .option("--host <address>", "address to listen on")
    .option("--mqtt-port <port>", "MQTT port")
    .option("--mqtt-tls-port <port>", "port of MQTT over TLS")
    .option("--ingest-port <port>", "port of telemetry over HTTP and of MQTT over WebSocket")
    .option("--http-port <port>", "port of the API and the dashboard")
    .option("--scaler-port <port>", "port on which KEDA asks how many processors there are to be; on Kafka, role api")
    .option("--no-clickhouse", "run without tables")
    .option("--allow-plaintext", "accept other addresses than loopback without TLS")
    .option("--tls-cert <file>", "PEM file of the certificate that devices are shown")
    .option("--tls-key <file>", "PEM file of its key")
    .option("--tls-client-ca <file>", "PEM file of the authority of devices' certificates")
    .option("--tls-client-cert-required", "let nobody in over TLS without such a certificate")
    .option("--tenant <id>", "tenant of the local installation")
    .option("--partitions <n>", "partitions per topic; fixed when the data directory is made")
    .option("--log-bytes-max <bytes>", "size ceiling of the log")
    .option("--log-retention-hours <hours>", "age after which the log forgets what every consumer has")
    .option("--minute-rollup-days <days>", "how long roll-ups by minute are kept after they were last computed")
    .option("--hour-rollup-days <days>", "the same of those by hour")
    .option("--day-rollup-days <days>", "the same of those by day")
    .option("--kafka-brokers <list>", "keep the log on these Kafka brokers: host:port,host:port")
    .option("--kafka-client <name>", "client library to use: platformatic or kafkajs")
    .option("--kafka-prefix <text>", "in front of the names of topics and groups: one per installation")
    .option("--kafka-replication <n>", "copies of every partition")
    .option("--kafka-create-topics <yes|no>", "make the topics that are missing")
    .option("--kafka-tls", "connect to the brokers with TLS")
    .option("--kafka-tls-ca <file>", "PEM file of the brokers' certificate authority")
    .option("--kafka-tls-cert <file>", "PEM file of the certificate to sign in with")
    .option("--kafka-tls-key <file>", "PEM file of its key")
    .option("--kafka-sasl <mechanism>", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
    .option("--kafka-user <name>", "user for PLAIN and SCRAM; the password is MILLRACE_KAFKA_PASSWORD")
    .option("--kafka-token-file <file>", "file with the token for OAUTHBEARER")
    .option("--kafka-compression <codec>", "none, zstd or gzip")
    .option("--footprint <size>", "normal, or small for machines with little of it; see docs/edge.md")
    .option("--processor-threads <n>", "threads that run functions")
    .option("--function-threads <n>", "threads that run users' functions")
    .option("--function-timeout-ms <ms>", "CPU time that one call of a user's function may take")
    .option("--function-memory-mib <n>", "heap of a thread of users' functions")
    .option(
      "--state-memory-mib <n>",
      "memory for the state of devices in each such thread; what is beyond lies in a file",
    )
    .option("--autoscale <mode>", "off; dry-run: say how many threads the load would need; on: scale users' functions");
  withForwarding(start)
    .option("--webhook-url <url>", "where alarms and platform faults are posted")
    .option("--trace-sample <share>", "share of messages that are traced to an OpenTelemetry collector, such as 0.001")
    .option("--log-level <level>", "debug, info, warn or error")
    .action(async (options: { demo?: boolean }, command: Command) => {
      // On a terminal the log would drown what is printed; it stays for warnings, unless somebody asks for more.
      const defaults = process.stderr.isTTY ? { logLevel: "warn" } : {};
      const { startCommand } = await import("./start.ts");
      process.exitCode = await startCommand({ ...globalOptions(command, defaults), demo: options.demo === true });
    });
}

function withForwarding(command: Command): Command {
  return command
    .option(
      "--forward-url <url>",
      "forward all telemetry to the installation there: mqtts://host:8883; or into a topic: kafkas://host:9093/topic",
    )
    .option(
      "--forward-token-file <file>",
      "file with the token, or the password, for it; that itself is MILLRACE_FORWARD_TOKEN",
    )
    .option("--forward-sasl <mechanism>", "how to sign in to that Kafka, as --kafka-sasl has it")
    .option("--forward-user <name>", "user there, for PLAIN and SCRAM")
    .option("--forward-when-full <policy>", "hold or drop-oldest: what is not forwarded when the log is full");
}
