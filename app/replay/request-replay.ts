import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/errors.ts";
import { functionsStageName } from "../../core/functions-stage.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import type { Clock } from "../../core/clock.ts";
import type { Device, DeviceStore, Registry } from "../../core/registry.ts";
import type { ReplayRequest, Replays } from "../../core/replay.ts";
import type { ReplaysApi } from "../threads/replay-threads.ts";
import type { RemoteCall } from "../thread-rpc.ts";
import type { ReplayConfiguration } from "./partition-replay.ts";

export interface ReplaySources {
  readonly tenant: string;
  readonly registry: Pick<Registry, "functions" | "config" | "devices">;
  /** Where the thread runs. */
  readonly threads: RemoteCall<ReplaysApi>;
  readonly clock: Clock;
}

/** Takes what a replay needs from the registry, and has it started. */
export function createReplays(sources: ReplaySources): Replays {
  const { registry, threads, clock } = sources;
  return {
    async start({ function: wanted, version: of, from, to: end, dryRun }: ReplayRequest) {
      const now = clock.now();
      // What is yet to come is the live version's.
      const to = Math.min(end, now);
      if (from >= to) {
        throw new MillraceError("INVALID_INPUT", "the range is empty", {
          remedy: "Begin in the past, and before the end.",
        });
      }
      const { name, version, code } = await registry.functions.code(wanted, of);
      const stage = functionsStageName((await registry.functions.stages()).get(name) ?? FUNCTIONS_STAGE.name);
      const configuration = await configurationOf(sources);
      return threads("startReplay", { name, version, code, stage, range: { from, to }, dryRun, configuration, now });
    },
    status: () => threads("replayStatus"),
    cancel: () => threads("cancelReplay"),
  };
}

async function configurationOf({ tenant, registry: { config, devices } }: ReplaySources): Promise<ReplayConfiguration> {
  const all: Device[] = [];
  for (let after: string | null = ""; after !== null;) {
    const page: Awaited<ReturnType<DeviceStore["list"]>> = await devices.list({
      tenant,
      limit: LIMITS.pageSizeMax,
      ...(after === "" ? {} : { after }),
    });
    all.push(...page.items);
    after = page.next;
  }
  return {
    types: await config.types(tenant),
    tables: await config.tables(tenant),
    devices: all.map(({ id, type, labels, disabled }) => ({ tenant, id, type, labels: { ...labels }, disabled })),
  };
}
