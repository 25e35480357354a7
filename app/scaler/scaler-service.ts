import { plainHost, type Config } from "../config.ts";
import { threadsOfStage } from "../stages.ts";
import { createWatchedTargets } from "./watched-targets.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import type { LogParts, ThreadLog } from "../thread-log.ts";

/**
 * Who says how many pods there are to be, over gRPC; null where nobody is to say. What serves it is loaded here only: other processes start
 * without it.
 */
export async function openScaler({
  config,
  log,
  ...parts
}: LogParts & { readonly config: Config; readonly log: ThreadLog }): Promise<(Service & Readiness) | null> {
  if (config.scalerPort === undefined) return null;
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
  return {
    start: () => server.start(),
    async stop(signal) {
      await server.stop(signal);
      await targets.stop(signal);
    },
    notReadyReasons: () => targets.notReadyReasons(),
  };
}
