import type { MqttBreach } from "./mqtt-breach.ts";
import { type MqttTopicLimits, topicFilterBreach } from "./mqtt-text.ts";

export interface MqttBodyLimits extends MqttTopicLimits {
  readonly payloadBytesMax: number;
  readonly filtersPerSubscribeMax: number;
}

/** What is wrong with the body of a SUBSCRIBE (`withQos`) or an UNSUBSCRIBE, or null (3.8, 3.10). */
export function filtersBreach(
  bytes: Uint8Array,
  start: number,
  end: number,
  withQos: boolean,
  limits: MqttBodyLimits,
): MqttBreach | null {
  const idBreach = packetIdBreach(bytes, start, end);
  if (idBreach !== null) return idBreach;
  let at = start + 2;
  let filters = 0;
  while (at < end) {
    // Counted first: thousands of filters must cost no more than the limit's worth of checks.
    if (++filters > limits.filtersPerSubscribeMax) return "filters-too-many";
    if (at + 2 > end) return "packet-length";
    const filterStart = at + 2;
    const filterEnd = filterStart + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
    at = withQos ? filterEnd + 1 : filterEnd;
    if (at > end) return "packet-length";
    const breach = topicFilterBreach(bytes, filterStart, filterEnd, limits);
    if (breach !== null) return breach;
    if (withQos && (bytes[filterEnd] ?? 0) > 2) return "subscribe-qos";
  }
  return filters === 0 ? "filters-missing" : null;
}

/** What is wrong with the packet identifier at `start`, or null (2.3.1). */
export function packetIdBreach(bytes: Uint8Array, start: number, end: number): MqttBreach | null {
  if (start + 2 > end) return "packet-length";
  return bytes[start] === 0 && bytes[start + 1] === 0 ? "packet-id-zero" : null;
}

export interface RequestedFilter {
  readonly filter: string;
  /** The QoS that a SUBSCRIBE asks for; 0 in an UNSUBSCRIBE. */
  readonly qos: 0 | 1 | 2;
}

/** The filters of a SUBSCRIBE (`withQos`) or an UNSUBSCRIBE that `filtersBreach` has found right. */
export function filtersOf(bytes: Buffer, start: number, end: number, withQos: boolean): RequestedFilter[] {
  const filters: RequestedFilter[] = [];
  let at = start + 2;
  while (at < end) {
    const filterEnd = at + 2 + bytes.readUInt16BE(at);
    const qos = withQos ? (bytes[filterEnd] ?? 0) : 0;
    filters.push({ filter: bytes.toString("utf8", at + 2, filterEnd), qos: qos === 2 ? 2 : qos === 1 ? 1 : 0 });
    at = withQos ? filterEnd + 1 : filterEnd;
  }
  return filters;
}
