import { readRelaySettings } from "../relay-settings.ts";
import { globalOptions } from "./global-options.ts";
import type { Command } from "commander";

const SETTINGS_HELP = `
Each option is also a variable of the environment: --skip-bad is MILLRACE_RELAY_SKIP_BAD. Secrets are variables or files only:
  MILLRACE_RELAY_TOKEN           the gateway's token, or --token-file
  MILLRACE_RELAY_PASSWORD        for --sasl, or --password-file

  millrace relay --from kafkas://kafka-1:9093,kafka-2:9093/millrace-edges --to mqtts://cloud.example:8883 --token-file plants.token`;

/** `millrace relay`: from the topic that edges forward into to the installation upstream. */
export function addRelayCommand(program: Command): void {
  program
    .command("relay")
    .description("bring what edges forward into a topic of a Kafka to an installation; runs until it is stopped")
    .option("--from <url>", "the topic: kafkas://host:9093,host:9093/topic, or kafka:// without TLS")
    .option("--to <url>", "the installation: mqtts://host:8883, wss://host:8081/mqtt, or without TLS mqtt://, ws://")
    .option("--token-file <file>", "file with the token of a gateway there")
    .option("--group <name>", "consumer group: relays with the same one share the partitions (default: millrace-relay)")
    .option("--sasl <mechanism>", "how to sign in to the Kafka: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
    .option("--user <name>", "user there, for PLAIN and SCRAM")
    .option("--password-file <file>", "file with the password, or the token of OAUTHBEARER")
    .option("--skip-bad <file>", "write records that cannot be relayed into this file, and go on")
    .option("--probe-port <port>", "port of /healthz, /readyz and /metrics; 0 picks a free one")
    .option("--probe-host <address>", "address to listen on there (default: 127.0.0.1)")
    .option("--log-level <level>", "debug, info, warn or error")
    .addHelpText("after", SETTINGS_HELP)
    .action(async (options: Record<string, unknown>, command: Command) => {
      const { json, config } = globalOptions(command);
      const settings = readRelaySettings(options);
      const { relayCommand } = await import("./relay.ts");
      process.exitCode = await relayCommand(settings, config, json);
    });
}
