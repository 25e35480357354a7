import { createForwardSink } from "../sinks/forward/forward-sink.ts";
import { createFaultBoard } from "./fault-board.ts";
import { createForwardLink } from "./forward-link.ts";
import { JOURNALS } from "./journals.ts";
import { leased } from "./leased.ts";
import type { Clock } from "../core/clock.ts";
import type { Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Config } from "./config.ts";
import type { PartHealth } from "./part-health.ts";
import type { ThreadLog } from "./thread-log.ts";

export interface ForwardingParts {
  readonly config: Config;
  readonly log: ThreadLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Telemetry on its way to another installation, from one process of this one at a time; nothing where none is named. */
export function createForwarding(parts: ForwardingParts, installation: string): Service & { health(): PartHealth } {
  const { config, log, clock, logger, metrics } = parts;
  const { forwardUrl: url } = config;
  const { generation } = log;
  const faults = createFaultBoard();
  if (url === undefined) {
    return { start: () => Promise.resolve(), stop: () => Promise.resolve(), health: () => faults.health([]) };
  }
  const lease = leased(log.groups([0]), JOURNALS.forward, () => {
    const link = createForwardLink({ config, url, installation, clock });
    return createForwardSink({ log, generation, installation, link, clock, logger, metrics, onFault: faults.report });
  });
  return {
    start: () => lease.start(),
    stop: (signal) => lease.stop(signal),
    health: () => faults.health(lease.current?.notReadyReasons() ?? []),
  };
}
