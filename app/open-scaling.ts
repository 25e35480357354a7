import { createAutoscaleLoop } from "../runtime/autoscaler/autoscale-loop.ts";
import { openScaler, type Scaling } from "./scaler/scaler-service.ts";
import { watchedMainStage } from "./watched-main-stage.ts";
import type { Config } from "./config.ts";
import type { Peers } from "./peers.ts";
import type { Role } from "./roles.ts";
import type { LogParts, ThreadLog } from "./thread-log.ts";

export interface ScalingParts extends LogParts {
  readonly config: Config;
  readonly roles: ReadonlySet<Role>;
  readonly log: ThreadLog;
  readonly peers: Peers;
}

/** Embedded, what the main stage would need is said. On Kafka pods are asked for, where that is wanted. */
export async function openScaling(parts: ScalingParts): Promise<Scaling> {
  const { config, roles, log, peers, clock, logger, metrics } = parts;
  if (config.kafkaBrokers !== undefined) return openScaler({ config, log, clock, logger, metrics });
  if (config.autoscale === "off" || !roles.has("processors")) return { services: [], health: {} };
  const stage = watchedMainStage(log, peers, clock);
  return { services: [createAutoscaleLoop({ stage, clock, logger, metrics, isDryRun: true })], health: {} };
}
