import type { MqttBreach } from "./mqtt-breach.ts";

/** Control packet types (2.2.1). */
export const MQTT_TYPE = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const;

export interface MqttPacketLimits {
  /** Of a whole packet with its fixed header. */
  readonly packetBytesMax: number;
  /** Of the CONNECT packet, which a peer sends before anything is known of it. */
  readonly connectPacketBytesMax: number;
}

export const LONGEST_HEADER = 5;

/** Total bytes of the packet that begins at `start`, 0 while its header is incomplete, or what is wrong with the header. */
export function packetLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  connected: boolean,
  limits: MqttPacketLimits,
): number | MqttBreach {
  const first = bytes[start] ?? 0;
  const breach = firstByteBreach(first, connected);
  if (breach !== null) return breach;
  let remaining = 0;
  for (let i = 1; i < LONGEST_HEADER; i++) {
    if (start + i >= end) return 0;
    const byte = bytes[start + i] ?? 0;
    remaining |= (byte & 0x7f) << (7 * (i - 1));
    if ((byte & 0x80) !== 0) continue;
    const total = 1 + i + remaining;
    if (total > (connected ? limits.packetBytesMax : limits.connectPacketBytesMax)) return "packet-too-large";
    return fixedLengthBreach(first >> 4, remaining) ?? total;
  }
  return "remaining-length";
}

/** Packets that name another one and say nothing else (3.4-3.7). */
export function isAcknowledgement(type: number): boolean {
  return type >= MQTT_TYPE.puback && type <= MQTT_TYPE.pubcomp;
}

function firstByteBreach(first: number, connected: boolean): MqttBreach | null {
  const type = first >> 4;
  if (!connected && type !== MQTT_TYPE.connect) return "connect-expected";
  if (connected && type === MQTT_TYPE.connect) return "connect-repeated";
  const flags = first & 0x0f;
  switch (type) {
    case MQTT_TYPE.publish:
      return null;
    case MQTT_TYPE.pubrel:
    case MQTT_TYPE.subscribe:
    case MQTT_TYPE.unsubscribe:
      return flags === 2 ? null : "header-flags";
    case MQTT_TYPE.connect:
    case MQTT_TYPE.puback:
    case MQTT_TYPE.pubrec:
    case MQTT_TYPE.pubcomp:
    case MQTT_TYPE.pingreq:
    case MQTT_TYPE.disconnect:
      return flags === 0 ? null : "header-flags";
    default:
      return "packet-type";
  }
}

function fixedLengthBreach(type: number, remaining: number): MqttBreach | null {
  if (isAcknowledgement(type)) return remaining === 2 ? null : "packet-length";
  if (type === MQTT_TYPE.pingreq || type === MQTT_TYPE.disconnect) return remaining === 0 ? null : "packet-length";
  return null;
}
