import type { SharedTopic } from "../wire/shared-topic.ts";
import type { Admission } from "./admission.ts";
import type { ConnectStepsOptions } from "./connect-steps.ts";
import type { ConnectionTable, TableEntry } from "./connection-table.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { EdgeReport } from "./edge-report.ts";
import type { GatewayLink, RoutedMessage } from "./gateway-link.ts";
import type { Sessions } from "./session/sessions.ts";
import type { PublishRates } from "./publish-rates.ts";
import type { Wills } from "./wills.ts";

/** What all connections of a broker share. */
export interface EdgeContext {
  readonly limits: EdgeLimits;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly topics: SharedTopic;
  /** For log lines: no other connection has it, of no gateway and no start. */
  readonly newConnectionId: () => string;
  readonly connect: ConnectStepsOptions;
  readonly table: ConnectionTable<TableEntry>;
  readonly admission: Admission;
  readonly sessions: Sessions;
  readonly link: GatewayLink;
  readonly report: EdgeReport;
  readonly rates: PublishRates;
  /** A durable message of this device (`tenant/device`), to those who subscribe to it. Resolves when it may be acknowledged; null: now. */
  readonly route: (key: string, message: RoutedMessage) => Promise<void> | null;
  readonly wills: Wills;
}
