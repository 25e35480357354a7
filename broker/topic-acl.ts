import { FORWARD_TELEMETRY } from "../wire/forward-batch.ts";
import { filterCoveredBy } from "./filter-cover.ts";

/** What the bytes of a message are: Millrace's JSON or ThingsBoard's. */
export type TelemetryFormat = "json" | "tb-json";

const OWN_TOPIC = /^millrace\/([^/]+\/[^/]+)\//;
const THINGSBOARD_TELEMETRY = "v1/devices/me/telemetry";
const THINGSBOARD_OWN = "v1/devices/me/#";
/** Attributes and answers to calls: its firmware sends them with every connect, and would only connect again if that ended it. */
const THINGSBOARD_ASIDE = /^v1\/devices\/me\/(?:attributes|rpc)(?:\/|$)/;
const THINGSBOARD_GATEWAY = "v1/gateway/#";
/** The same of its gateways. */
const THINGSBOARD_GATEWAY_ASIDE = /^v1\/gateway\/(?:connect|disconnect|attributes|rpc|claim)(?:\/|$)/;
const LAST_LEVEL = /[^/]+$/;
const TELEMETRY_TOPIC = /^millrace\/([^/]+)\/([^/]+)\/telemetry$/;

/** Where a gateway publishes for many devices at once. */
export const GATEWAY_TELEMETRY = "v1/gateway/telemetry";

/** What one device may publish and ask for. */
export class TopicAcl {
  /** Where the device's telemetry is routed, whatever topic it came on. */
  readonly #telemetryTopic: string;
  readonly #isGateway: boolean;

  /** `key`: `tenant/device`. `isGateway`: the device may publish for others. For whom is not asked here. */
  constructor(key: string, isGateway = false) {
    this.#telemetryTopic = telemetryTopicOf(key);
    this.#isGateway = isGateway;
  }

  /** The format that a publish to this topic has; null when the device may not publish there. */
  publishFormat(topic: string): TelemetryFormat | null {
    if (topic === this.#telemetryTopic) return "json";
    return topic === THINGSBOARD_TELEMETRY ? "tb-json" : null;
  }

  /** Acknowledged and dropped: ThingsBoard's topics that Millrace has no use for. */
  isAside(topic: string): boolean {
    return THINGSBOARD_ASIDE.test(topic) || (this.#isGateway && THINGSBOARD_GATEWAY_ASIDE.test(topic));
  }

  /** All devices share the words `v1/devices/me` and `v1/gateway`: nothing is ever routed under them, or each would read the others. */
  maySubscribe(filter: string): boolean {
    return (
      filterCoveredBy(filter, this.#telemetryTopic.replace(LAST_LEVEL, "#")) ||
      filterCoveredBy(filter, THINGSBOARD_OWN) ||
      (this.#isGateway && filterCoveredBy(filter, THINGSBOARD_GATEWAY))
    );
  }
}

/** The device (`tenant/device`) whose own topic or filter this is; null for what is nobody's own. */
export function deviceKeyOf(topic: string): string | null {
  return OWN_TOPIC.exec(topic)?.[1] ?? null;
}

/** Where the telemetry of a device (`tenant/device`) is routed. */
export function telemetryTopicOf(key: string): string {
  return `millrace/${key}/telemetry`;
}

/** Whose telemetry is published there, unchecked; null when it is no topic of that shape. */
export function deviceOfTelemetryTopic(topic: string): { readonly tenant: string; readonly device: string } | null {
  const [, tenant, device] = TELEMETRY_TOPIC.exec(topic) ?? [];
  return tenant === undefined || device === undefined ? null : { tenant, device };
}

/** True for topics that only gateways use: ThingsBoard's, and that of edge installations. */
export function isGatewayTopic(topic: string): boolean {
  return topic.startsWith("v1/gateway/") || topic === FORWARD_TELEMETRY;
}
