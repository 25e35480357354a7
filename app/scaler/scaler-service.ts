import { plainHost, type Config } from "../config.ts";
import { threadsOfStage } from "../stages.ts";
import { createWatchedTargets } from "./watched-targets.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { PartHealth } from "../part-health.ts";
import type { LogParts, ThreadLog } from "../thread-log.ts";

/** What scales, to be started, and how its parts stand, by part. */
export interface Scaling {
  readonly services: readonly Service[];
  readonly health: Readonly<Record<string, () => PartHealth>>;
}

/**
 * Who says how many pods there are to be, over gRPC; nobody where none is to say. What serves it is loaded here only: other processes start
 * without it.
 */
export async function openScaler({
  config,
  log,
  ...parts
}: LogParts & { readonly config: Config; readonly log: ThreadLog }): Promise<Scaling> {
  if (config.scalerPort === undefined) return { services: [], health: {} };
  const { createScalerServer } = await import("../../api/scaler/scaler-server.ts");
  const groups = log.groups([0]);
  const targets = createWatchedTargets({
    ...parts,
    log,
    groups,
    threadsOfStage: (stage) => threadsOfStage(config, stage),
  });
  const server = createScalerServer({
    ...parts,
    listen: { host: plainHost(config), port: config.scalerPort },
    targets,
  });
  const service: Service = {
    start: () => server.start(),
    async stop(signal) {
      await server.stop(signal);
      await targets.stop(signal);
    },
  };
  const health = () => ({ reasons: targets.notReadyReasons(), faults: [], events: [] });
  return { services: [service], health: { scaler: health } };
}
