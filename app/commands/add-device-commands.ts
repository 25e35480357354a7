import { parseDeviceImport } from "../../registry/device-import.ts";
import {
  addDevice,
  assignDevice,
  listDevices,
  type NewDeviceOptions,
  removeDevice,
  rotateToken,
  setDeviceDisabled,
} from "./devices.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { importDevices } from "./import-devices.ts";
import { LIMITS } from "../../core/limits.ts";
import { SLOW_DEVICE_ORDERS, type SlowDeviceOrder } from "../../core/slow-device-order.ts";
import { wholeNumber } from "./number-option.ts";
import { slowDevicesCommand } from "./slow-devices.ts";
import { InvalidArgumentError, Option, type Command } from "commander";

const SLOW_SHOWN = 20;

/** `millrace devices add|assign|list|slow|rotate|disable|enable|remove|import`. */
export function addDeviceCommands(program: Command): void {
  const devices = program.command("devices").description("the devices that may connect");

  withInstanceOptions(devices.command("add <id>"))
    .description("add a device and print its token")
    .option("--name <name>", "a name for people")
    .option("--type <type>", "its device type")
    .option("--label <key=value>", "a label; repeat for more", collectLabel)
    .option("--gateway", "it may publish for the devices that are added with --via and its id")
    .option("--provisions", "and create such devices by publishing for them; implies --gateway")
    .option("--via <gateway>", "the gateway that may publish for it")
    .action(async (id: string, options: NewDeviceOptions, command: Command) => {
      process.exitCode = await addDevice(apiOf(command), id, { ...globalOptions(command), ...options });
    });
  withInstanceOptions(devices.command("assign <id>"))
    .description("say which gateway may publish for a device")
    .requiredOption("--via <gateway>", 'this one; "" for none')
    .action(async (id: string, { via }: { via: string }, command: Command) => {
      process.exitCode = await assignDevice(apiOf(command), id, via === "" ? null : via, globalOptions(command));
    });
  withInstanceOptions(devices.command("list"))
    .description("list devices")
    .option("--search <text>", "part of an id or a name")
    .option("--type <type>", "only this device type")
    .action(async (options: { search?: string; type?: string }, command: Command) => {
      process.exitCode = await listDevices(apiOf(command), { ...globalOptions(command), ...options });
    });
  withInstanceOptions(devices.command("slow"))
    .description("list devices that have fallen silent, report late, or send what does not count; the worst first")
    .addOption(new Option("--by <what>", "what is bad about them").choices(SLOW_DEVICE_ORDERS).default("silence"))
    .option("--limit <count>", "how many at most", wholeNumber(1, LIMITS.pageSizeMax), `${SLOW_SHOWN}`)
    .action(async ({ by, limit }: { by: SlowDeviceOrder; limit: string }, command: Command) => {
      process.exitCode = await slowDevicesCommand(apiOf(command), {
        ...globalOptions(command),
        by,
        limit: Number(limit),
      });
    });
  withInstanceOptions(devices.command("rotate <id>"))
    .description("give a device a new token; the older ones stop working")
    .action(async (id: string, _options: object, command: Command) => {
      process.exitCode = await rotateToken(apiOf(command), id, globalOptions(command));
    });
  for (const [name, disabled] of [
    ["disable", true],
    ["enable", false],
  ] as const) {
    withInstanceOptions(devices.command(`${name} <id>`))
      .description(disabled ? "close its connections and refuse its token" : "let it in again")
      .action(async (id: string, _options: object, command: Command) => {
        process.exitCode = await setDeviceDisabled(apiOf(command), id, disabled, globalOptions(command));
      });
  }
  withInstanceOptions(devices.command("remove <id>"))
    .description("erase a device with its credentials, state and stored readings")
    .option("--yes", "do not ask")
    .action(async (id: string, { yes = false }: { yes?: boolean }, command: Command) => {
      process.exitCode = await removeDevice(apiOf(command), id, { ...globalOptions(command), yes });
    });
  withInstanceOptions(devices.command("import <file>"))
    .description(
      "add devices from a CSV file with the columns id, name, type, token, via, gateway, provisions, label.NAME",
    )
    .option("--tokens-to <file>", "make tokens for rows without one, and write them to this new file (mode 0600)")
    .action(async (file: string, { tokensTo }: { tokensTo?: string }, command: Command) => {
      const { json, config } = globalOptions(command);
      const parse = (text: string) => parseDeviceImport(text, config.tenant);
      const options = { json, ...(tokensTo === undefined ? {} : { tokensTo }) };
      process.exitCode = await importDevices(apiOf(command), file, parse, options);
    });
}

function collectLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("Write it as key=value.");
  return { ...labels, [text.slice(0, equals)]: text.slice(equals + 1) };
}
