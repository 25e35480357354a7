import { environmentName } from "./environment-name.ts";
import type { Config } from "./config.ts";

/** The environment variables of those of the settings that are not set. */
export function missingSettings(config: Config, needed: readonly (keyof Config)[]): string[] {
  return needed.filter((name) => config[name] === undefined).map(environmentName);
}
