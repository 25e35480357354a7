import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/errors.ts";
import { functionsStageName } from "../../core/functions-stage.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { aggregate } from "../../processors/aggregate.ts";
import { mainStage } from "../../processors/main-stage.ts";
import type { Clock } from "../../core/clock.ts";
import type { Device, DeviceStore, Registry } from "../../core/registry.ts";
import type { ReplayRequest, Replays } from "../../core/replay.ts";
import type { ReplaysApi } from "../threads/replay-threads.ts";
import type { RemoteCall } from "../thread-rpc.ts";
import type { ReplayConfiguration } from "./partition-replay.ts";
import type { ReplayJob } from "./replay-job.ts";

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
      const what = await replayed(registry.functions, wanted, of);
      const configuration = await configurationOf(sources);
      return threads("startReplay", { ...what, range: { from, to }, dryRun, configuration, now });
    },
    status: () => threads("replayStatus"),
    cancel: () => threads("cancelReplay"),
  };
}

/** What users have deployed goes before a stock function of the same name. */
async function replayed(
  functions: ReplaySources["registry"]["functions"],
  wanted: string,
  of: number | null,
): Promise<Pick<ReplayJob, "name" | "version" | "code" | "stage">> {
  const own = (await functions.stages()).get(wanted);
  const stock = own === undefined ? mainStage.functions.find(({ name }) => name === wanted) : undefined;
  if (stock === undefined) {
    const { name, version, code } = await functions.code(wanted, of);
    return { name, version, code, stage: functionsStageName(own ?? FUNCTIONS_STAGE.name) };
  }
  const { name, version } = stock;
  if (name !== aggregate.name) {
    throw new MillraceError(
      "INVALID_INPUT",
      `of the stock functions only ${aggregate.name} can be replayed, not ${name}`,
      {
        remedy: "What it has made stays as it is.",
      },
    );
  }
  if (of !== null && of !== version) {
    throw new MillraceError("NOT_FOUND", `the stock function ${name} has no version ${of}`, {
      remedy: `Leave the version out: millrace replay ${name}.`,
    });
  }
  return { name, version, code: null, stage: mainStage.name };
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
