import { mainStage } from "../../processors/main-stage.ts";
import { createWhy } from "./explain.ts";
import { createWhyJoined } from "./explain-join.ts";
import type { FunctionStore } from "../../core/function-store.ts";
import type { AlarmStore, ConfigStore, DeviceStore } from "../../core/registry.ts";
import type { Why, WhyJoined } from "../../core/why.ts";
import type { WhyLog } from "./read-forward.ts";

export interface WhysOptions {
  readonly log: WhyLog;
  readonly registry: {
    readonly alarms: Pick<AlarmStore, "get">;
    readonly config: Pick<ConfigStore, "types" | "rules" | "tables">;
    readonly devices: Pick<DeviceStore, "get">;
    readonly functions: Pick<FunctionStore, "versions" | "code">;
  };
}

/** Who explains what the stages of an instance made. */
export function createWhys({ log, registry }: WhysOptions): { readonly why: Why; readonly whyJoined: WhyJoined } {
  const { alarms, config, devices, functions } = registry;
  const joined = createWhyJoined({ log, registry });
  return {
    why: createWhy({ log, stages: [mainStage], alarms, config, devices, functions, joined }),
    whyJoined: joined,
  };
}
