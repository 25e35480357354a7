import { Command } from "commander";
import { expect, it } from "vitest";
import { configReference } from "../../../app/config.ts";
import { addStartCommand } from "../../../app/commands/add-start-command.ts";

it("has a flag of start for every setting that the page of settings has one for", () => {
  const program = new Command();
  addStartCommand(program);
  const taken = program.commands.flatMap(({ options }) => options.map(({ long }) => `\`${long}\``));
  const told = configReference().flatMap(({ name }) => (name === "" ? [] : [name]));
  // The first is every command's, the second none of the settings.
  expect([...taken, "`--data`"].toSorted()).toEqual([...told, "`--demo`"].toSorted());
});
