import { expect, it } from "vitest";
import { createProgram } from "../../../app/all-commands.ts";
import { configReference } from "../../../app/config.ts";
import type { Command } from "commander";

/** Options of commands besides `start` that mean the setting of their name. */
const MEANT = [
  "doctor --host",
  "doctor --http-port",
  "doctor --ingest-port",
  "doctor --mqtt-port",
  "doctor --no-clickhouse",
  "migrate --no-clickhouse",
  "millrace --data",
  "relay --log-level",
];

function optionsOf(command: Command): string[] {
  const own = command.options.map(({ long }) => `${command.name()} ${long}`);
  return [...own, ...command.commands.filter((one) => one.name() !== "start").flatMap(optionsOf)];
}

it("no command has an option of its own with the name of a setting, as which it would be read too", () => {
  const flags = configReference().map(({ name }) => name.replaceAll("`", ""));
  const shared = optionsOf(createProgram()).filter((option) => flags.includes(option.split(" ")[1] ?? ""));
  expect(shared.sort((a, b) => a.localeCompare(b))).toEqual(MEANT);
});
