import type { MqttBreach } from "./mqtt-breach.ts";
import { type MqttTopicLimits, topicFilterBreach, topicNameBreach } from "./mqtt-text.ts";

export interface MqttBodyLimits extends MqttTopicLimits {
  readonly payloadBytesMax: number;
  readonly filtersPerSubscribeMax: number;
}

/** What is wrong with the body, bytes [start, end), of a PUBLISH whose header flags are `flags`, or null (3.3). */
export function publishBreach(
  bytes: Uint8Array,
  start: number,
  end: number,
  flags: number,
  limits: MqttBodyLimits,
): MqttBreach | null {
  const qos = (flags >> 1) & 3;
  if (qos === 3) return "publish-qos";
  if (qos === 0 && (flags & 0x08) !== 0) return "publish-dup";
  if (start + 2 > end) return "packet-length";
  const topicStart = start + 2;
  const topicEnd = topicStart + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0));
  const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
  if (payloadStart > end) return "packet-length";
  if (end - payloadStart > limits.payloadBytesMax) return "payload-too-large";
  if (qos > 0 && bytes[topicEnd] === 0 && bytes[topicEnd + 1] === 0) return "packet-id-zero";
  return topicNameBreach(bytes, topicStart, topicEnd, limits);
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
