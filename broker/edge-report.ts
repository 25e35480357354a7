import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import type { Peer } from "./identify-principal.ts";
import { FILTER_REFUSALS, type FilterRefusal, REFUSALS, type RefusalReason } from "./refusals.ts";

/** Whom a line is about: until the device is known the address, and whom the certificate names, or why it counts as none. */
interface ReportSubject {
  /** Unique among all connections of all gateways; absent of a socket that has not become one. */
  readonly connection?: string;
  readonly remote: string;
  readonly key?: string;
  readonly clientId?: string;
  readonly certified?: string;
  readonly uselessCertificate?: string;
}

export function subjectOf(connection: string, socket: EdgeSocket, who: ConnectedDevice | Peer): ReportSubject {
  const remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
  if ("key" in who) return { connection, remote, key: who.key, clientId: who.clientId };
  if (who.certified !== null) return { connection, remote, certified: who.certified };
  const uselessCertificate = who.uselessCertificate();
  return uselessCertificate === null ? { connection, remote } : { connection, remote, uselessCertificate };
}

/** Tells of what the edge did not take. Of connections that it ended every one is counted, and logged as far as the log stays readable. */
export interface EdgeReport {
  /** A device may publish. */
  joined(subject: ReportSubject): void;
  refused(reason: RefusalReason, subject: ReportSubject, cause?: unknown): void;
  /** A filter that SUBACK refused. */
  filterRefused(reason: FilterRefusal, subject: ReportSubject): void;
  /** A message on a topic that Millrace has no use for: counted only. */
  dropped(): void;
  /** A connection is not read because too many of its messages wait for the log. */
  behind(): void;
}

export interface EdgeReportOptions {
  readonly linesPerSecondMax: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export function createEdgeReport({ linesPerSecondMax, logger, metrics, nowMs }: EdgeReportOptions): EdgeReport {
  let second = 0;
  let lines = 0;
  let dropped = 0;

  /** A flood of garbage must not become a flood of lines. */
  function mayLog(): boolean {
    const current = Math.floor(nowMs() / 1000);
    if (current !== second) {
      if (dropped > 0) logger.warn({ dropped }, "more connections were refused than are logged one by one");
      second = current;
      lines = 0;
      dropped = 0;
    }
    if (lines++ < linesPerSecondMax) return true;
    dropped++;
    return false;
  }

  const aside = metrics.counter(
    "millrace_mqtt_dropped_total",
    "Messages on topics of ThingsBoard that are acknowledged and not kept: attributes, RPC, and what gateways say of connections.",
  );

  const behind = metrics.counter(
    "millrace_mqtt_behind_total",
    "Times that a connection was not read because too many of its messages waited for the log.",
  );

  return {
    dropped: () => aside.add(),
    behind: () => behind.add(),
    joined: (subject) => logger.debug(subject, "a device has connected"),
    filterRefused(reason, subject) {
      metrics
        .counter("millrace_mqtt_filters_refused_total", "Filters that SUBACK refused, by reason.", { reason })
        .add();
      if (mayLog()) logger.info({ reason, ...subject }, FILTER_REFUSALS[reason]);
    },
    refused(reason, subject, cause) {
      metrics.counter("millrace_mqtt_refused_total", "Connections that the edge ended, by reason.", { reason }).add();
      if (!mayLog()) return;
      const { code, text } = REFUSALS[reason];
      const fields = {
        reason,
        code,
        ...subject,
        ...(cause === undefined ? {} : { cause: errorText(cause) }),
      };
      if (reason === "internal") logger.error(fields, text);
      else logger.info(fields, text);
    },
  };
}
