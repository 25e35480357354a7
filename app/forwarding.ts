import { readFileSync } from "node:fs";
import { errorText, MillraceError } from "../core/errors.ts";
import { createForwardSink } from "../sinks/forward/forward-sink.ts";
import { createFaultBoard } from "./fault-board.ts";
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
  const token = (): string => forwardToken(config);
  if (url === undefined) {
    return { start: () => Promise.resolve(), stop: () => Promise.resolve(), health: () => faults.health([]) };
  }
  const lease = leased(log.groups([0]), JOURNALS.forward, () =>
    createForwardSink({ log, generation, installation, url, token, clock, logger, metrics, onFault: faults.report }),
  );
  return {
    start: () => lease.start(),
    stop: (signal) => lease.stop(signal),
    health: () => faults.health(lease.current?.notReadyReasons() ?? []),
  };
}

/** The token for the installation upstream, as it is now. CONFIG_INVALID when its file cannot be read, or is empty. */
function forwardToken({ forwardToken: given, forwardTokenFile: file = "" }: Config): string {
  if (given !== undefined) return given;
  const text = contentOf(file).trim();
  if (text !== "") return text;
  throw new MillraceError("CONFIG_INVALID", `the file with the token for the installation upstream is empty: ${file}`);
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const text = `the file with the token for the installation upstream cannot be read: ${errorText(error)}`;
    throw new MillraceError("CONFIG_INVALID", text, { cause: error });
  }
}
