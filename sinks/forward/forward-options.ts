import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";

export interface ForwardSinkOptions {
  readonly log: EventLog;
  /** Of the log: part of the source positions that go upstream. */
  readonly generation: number;
  /** Of this installation, hexadecimal digits: tells its messages from those of other edges. */
  readonly installation: string;
  /** Of the installation upstream: mqtt, mqtts, ws or wss. */
  readonly url: string;
  /** Of a gateway of the installation upstream. Asked for each connection; CONFIG_INVALID when there is none now. */
  readonly token: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault?: ReportFault;
  readonly random?: () => number;
}
