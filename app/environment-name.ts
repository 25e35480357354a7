import { kebabCase } from "./kebab-case.ts";

/** `logLevel` → `MILLRACE_LOG_LEVEL`. */
export function environmentName(setting: string): string {
  return `MILLRACE_${kebabCase(setting).replaceAll("-", "_").toUpperCase()}`;
}
