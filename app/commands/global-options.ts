import { connectApi } from "./api-client.ts";
import { readConfig } from "../config.ts";
import type { Command } from "commander";
import type { Config, ConfigFlags } from "../config.ts";
import type { ApiClient } from "./api-client.ts";

export interface GlobalOptions {
  readonly json: boolean;
  readonly config: Config;
}

/**
 * The options given before or after the command, and the configuration that they and the environment make. `defaults` are the command's
 * own, where they differ from everybody's.
 */
export function globalOptions(command: Command, defaults: ConfigFlags = {}): GlobalOptions {
  const { json = false, ...options } = command.optsWithGlobals<ConfigFlags & { json?: boolean }>();
  // Only what was typed: a flag's default must not win over the environment.
  const typed = Object.entries(options).filter(([name]) => command.getOptionValueSourceWithGlobals(name) === "cli");
  return { json, config: readConfig(Object.fromEntries(typed), defaults) };
}

/** Adds `--url` and `--token`, for commands that speak to a running instance. */
export function withInstanceOptions(command: Command): Command {
  return command
    .option("--url <url>", "API of the instance (default: the one running on the data directory)")
    .option("--token <token>", "admin token, with --url");
}

export function apiOf(command: Command): ApiClient {
  const { url, token } = command.opts<{ url?: string; token?: string }>();
  return connectApi(globalOptions(command).config, { url, token });
}
