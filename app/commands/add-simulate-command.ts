import { globalOptions, apiOf, withInstanceOptions } from "./global-options.ts";
import { replayFile } from "./replay-file.ts";
import { simulateFleet } from "./simulate-fleet.ts";
import type { Command } from "commander";

export interface SimulateOptions {
  readonly devices: string;
  readonly rate?: string;
  readonly seed: string;
  readonly without: readonly string[];
  readonly messages?: string;
  readonly mqtt?: string;
  readonly replay?: string;
  readonly map?: string;
  readonly speed: string;
  readonly flush: boolean;
}

/** `millrace simulate`: a fleet of believable devices, or a recorded file, over real MQTT. */
export function addSimulateCommand(program: Command): void {
  withInstanceOptions(program.command("simulate"))
    .description("publish a simulated fleet, or replay a recorded file, over MQTT")
    .option("--devices <n>", "size of the fleet", "10")
    .option("--rate <r>", "messages per second of the whole fleet (default: one per device)")
    .option("--seed <text>", "the same seed gives the same signals", "1")
    .option(
      "--without <feature...>",
      "leave out: daily-curve, drift, noise, gaps, duplicates, late-batches, spikes, dead-sensors",
      [],
    )
    .option("--messages <n>", "stop after this many")
    .option("--mqtt <url>", "the broker (default: that of the instance on the data directory)")
    .option("--replay <file>", "a CSV file, gzipped or not, instead of a fleet")
    .option("--map <mapping>", "how its columns become messages: campusiot, beijing-air, or NAME=COLUMN pairs")
    .option("--speed <x>", "max, or times recorded time", "max")
    .option("--no-flush", "leave windows open at the end of a replay")
    .action(async (options: SimulateOptions, command: Command) => {
      const { json, config } = globalOptions(command);
      const api = apiOf(command);
      const mqtt = options.mqtt ?? api.mqttUrl ?? `mqtt://${config.host}:${config.mqttPort}`;
      process.exitCode = await (options.replay === undefined
        ? simulateFleet(api, mqtt, options, json)
        : replayFile(api, mqtt, options.replay, options, json));
    });
}
