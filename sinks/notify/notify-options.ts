import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Tracer } from "../../core/tracing.ts";
import type { AlarmStore, NotificationOutbox } from "../../core/registry.ts";
import type { WebhookDestination } from "./webhook.ts";

export interface NotifySinkOptions {
  readonly log: EventLog;
  readonly alarms: AlarmStore;
  readonly outbox: NotificationOutbox;
  /** Every notification goes to each of them. None: alarms are kept, notifications end as failed, "no destination is configured". */
  readonly webhooks: readonly WebhookDestination[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Faults of this sink itself: a destination that accepts nothing, a registry or log that fails, alarms that retention took. */
  readonly onFault?: ReportFault;
  /** Where spans of sampled alarms go. */
  readonly tracer?: Tracer | undefined;
  /** [0, 1), for the jitter of retries. */
  readonly random?: () => number;
}
