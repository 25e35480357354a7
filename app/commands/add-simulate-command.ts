import { MillraceError } from "../../core/errors.ts";
import { globalOptions, apiOf, withInstanceOptions } from "./global-options.ts";
import { replayFile } from "./replay-file.ts";
import { simulateFleet } from "./simulate-fleet.ts";
import type { Command } from "commander";

export interface SimulateOptions {
  readonly devices: string;
  readonly prefix: string;
  readonly rate?: string;
  readonly seed: string;
  readonly without?: readonly string[];
  readonly messages?: string;
  readonly mqtt?: string;
  readonly replay?: string;
  readonly map?: string;
  readonly speed: string;
  readonly flush: boolean;
}

const MAP_HELP = `
A mapping is clauses with ; between them:
  device=COLUMN                  the device id
  ts=COLUMN                      event time in UTC ms; COLUMN:s for seconds, COLUMN:iso for ISO 8601
  ts=YEAR,MONTH,DAY,HOUR@+08:00  or the columns of a wall clock
  sent=...                       as ts: when it was sent, which paces the replay
  metric NAME=COLUMN             once for each metric; metric COLUMN when both are the same
  json=COLUMN                    a JSON object whose keys become metrics
  missing=TEXT                   a cell that means "no value"; NA when absent

  millrace simulate --replay plant.csv --map 'device=pump; ts=time:iso; metric flow=Q; metric pressure=P1'`;

/** `millrace simulate`: a fleet of believable devices, or a recorded file, over real MQTT. */
export function addSimulateCommand(program: Command): void {
  withInstanceOptions(program.command("simulate"))
    .description("publish a simulated fleet, or replay a recorded file, over MQTT")
    .option("--devices <n>", "size of the fleet", "10")
    .option("--prefix <text>", "what the fleet's device ids begin with", "sim-")
    .option("--rate <r>", "messages per second of the whole fleet (default: one per device)")
    .option("--seed <text>", "the same seed gives the same signals", "1")
    .option(
      "--without <feature...>",
      "leave out: daily-curve, drift, noise, gaps, duplicates, late-batches, spikes, dead-sensors",
    )
    .option("--messages <n>", "stop after this many")
    .option("--mqtt <url>", "the broker (default: the instance says where it is)")
    .option("--replay <file>", "a CSV file, gzipped or not, instead of a fleet")
    .option(
      "--map <mapping>",
      "how its columns become messages: campusiot, beijing-air, a .yaml file, or clauses as below",
    )
    .option("--speed <x>", "max, or times recorded time", "max")
    .option("--no-flush", "leave windows open at the end of a replay")
    .addHelpText("after", MAP_HELP)
    .action(async (options: SimulateOptions, command: Command) => {
      const { json } = globalOptions(command);
      if (options.map !== undefined && options.replay === undefined) {
        throw new MillraceError("INVALID_INPUT", "--map says how to read a file, and no --replay names one");
      }
      const api = apiOf(command);
      const mqtt = options.mqtt ?? (await api.mqttUrl());
      process.exitCode = await (options.replay === undefined
        ? simulateFleet(api, mqtt, options, json)
        : replayFile(api, mqtt, options.replay, options, json));
    });
}
