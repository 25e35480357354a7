// The entry of the bundle that an installation with little memory runs from: `millrace start`, and no other command.
import { createBareProgram } from "./bare-program.ts";
import { addStartCommand } from "./commands/add-start-command.ts";
import { runProgram } from "./run-program.ts";

const program = createBareProgram();
addStartCommand(program);
await runProgram(program, process.argv);
