import { LIMITS } from "../../core/limits.ts";
import { parseConfigDocument } from "../../registry/config-document.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { readInputFile } from "./input-file.ts";
import { wholeNumber } from "./number-option.ts";
import { EXIT } from "./output.ts";
import { queryCommand } from "./query.ts";
import { whyCommand } from "./why.ts";
import type { Command } from "commander";
import type { ApplySummary } from "../../core/registry.ts";
import type { QueryOptions } from "./query.ts";
import type { WhyOptions } from "./why.ts";

const WHY_HELP = `
  millrace why alarm ID [--cleared]
  millrace why aggregate DEVICE METRIC START [--size MS]
  millrace why reading DEVICE METRIC TIME
  millrace why event DEVICE TIME
  millrace why dead-letter TOPIC/PARTITION/OFFSET [--function NAME]`;

/** `millrace query|why|apply`. */
export function addDataCommands(program: Command): void {
  withInstanceOptions(program.command("query <what> [device]"))
    .description("print readings, aggregates, alarms, quarantine or dead-letters")
    .option("--metric <name>", "only this metric (aggregates)")
    .option("--from <time>", "event time (of quarantine and dead-letters receive time), ISO 8601 or UTC ms")
    .option("--to <time>", "as --from")
    .option("--size <ms>", "window size of aggregates", wholeNumber(LIMITS.windowMsMin, LIMITS.windowMsMax), "60000")
    .option("--limit <rows>", "at most this many", wholeNumber(1, LIMITS.pageSizeMax), "100")
    .action(async (what: string, device: string | undefined, options: QueryOptions, command: Command) => {
      process.exitCode = await queryCommand(apiOf(command), what, device, { ...options, ...globalOptions(command) });
    });
  withInstanceOptions(program.command("why <what> [of...]"))
    .description(
      "print the messages, the state and the function that made an alarm, an aggregate, a reading, an event or a dead letter",
    )
    .option("--cleared", "why the alarm was cleared, not why it was raised")
    .option("--function <name>", "of the dead letter, where several functions have failed on the record")
    .option("--size <ms>", "window size of the aggregate", wholeNumber(LIMITS.windowMsMin, LIMITS.windowMsMax), "60000")
    .addHelpText("after", WHY_HELP)
    .action(async (what: string, of: string[], options: Omit<WhyOptions, "json">, command: Command) => {
      const { json } = globalOptions(command);
      process.exitCode = await whyCommand(apiOf(command), what, of, { ...options, json });
    });
  withInstanceOptions(program.command("apply <file>"))
    .description("apply a YAML file of device types, devices, alarm rules and reference tables")
    .action(async (file: string, _options: object, command: Command) => {
      const { json, config } = globalOptions(command);
      const document = readInputFile(file, (text) => parseConfigDocument(text, config.tenant));
      const summary = await apiOf(command).send<ApplySummary>("POST", "/apply", document);
      console.log(
        json
          ? JSON.stringify(summary)
          : `${summary.created} created, ${summary.changed} changed, ${summary.unchanged} unchanged.`,
      );
      process.exitCode = EXIT.ok;
    });
}
