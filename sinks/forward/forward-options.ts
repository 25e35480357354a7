import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { UpstreamLink } from "./upstream-link.ts";

export interface ForwardSinkOptions {
  readonly log: EventLog;
  /** Of the log: part of the source positions that go upstream. */
  readonly generation: number;
  /** Of this installation, hexadecimal digits: tells its messages from those of other edges. */
  readonly installation: string;
  /** The way to the installation upstream. Closed with the sink. */
  readonly link: UpstreamLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault?: ReportFault;
  readonly random?: () => number;
}
