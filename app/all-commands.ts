import { createBareProgram } from "./bare-program.ts";
import { addDataCommands } from "./commands/add-data-commands.ts";
import { addDeadLetterCommands } from "./commands/add-dead-letter-commands.ts";
import { addDevelopmentCommands } from "./commands/add-development-commands.ts";
import { addDeviceCommands } from "./commands/add-device-commands.ts";
import { addFunctionCommands } from "./commands/add-function-commands.ts";
import { addInstanceCommands } from "./commands/add-instance-commands.ts";
import { addRelayCommand } from "./commands/add-relay-command.ts";
import { addSimulateCommand } from "./commands/add-simulate-command.ts";
import { addStartCommand } from "./commands/add-start-command.ts";
import type { Command } from "commander";

/** All commands, without running one: the documentation test walks it. */
export function createProgram(): Command {
  const program = createBareProgram();
  addStartCommand(program);
  addDeviceCommands(program);
  addFunctionCommands(program);
  addDataCommands(program);
  addDeadLetterCommands(program);
  addInstanceCommands(program);
  addRelayCommand(program);
  addSimulateCommand(program);
  addDevelopmentCommands(program);
  return program;
}
