import type { StageLimits } from "../../core/stage-settings.ts";
import type { Config } from "../config.ts";

/** The settings of the instance, with what a stage has of its own in their place. */
export function stageConfig(config: Config, { callTimeoutMs, memoryMib, stateMemoryMib }: StageLimits): Config {
  return {
    ...config,
    ...(callTimeoutMs === null ? {} : { functionTimeoutMs: callTimeoutMs }),
    ...(memoryMib === null ? {} : { functionMemoryMib: memoryMib }),
    ...(stateMemoryMib === null ? {} : { stateMemoryMib }),
  };
}
