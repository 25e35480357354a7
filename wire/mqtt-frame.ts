import { filtersBreach, type MqttBodyLimits, packetIdBreach, publishBreach } from "./mqtt-body-checks.ts";
import type { MqttBreach } from "./mqtt-breach.ts";
import { type MqttConnect, parseMqttConnect } from "./mqtt-connect.ts";

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

export interface MqttFrameLimits extends MqttBodyLimits {
  /** Of a whole packet with its fixed header. */
  readonly packetBytesMax: number;
  /** Of the CONNECT packet, which a peer sends before anything is known of it. */
  readonly connectPacketBytesMax: number;
}

/** One whole and valid packet: bytes [start, end) of `source`. */
export interface MqttFrame {
  readonly type: number;
  /** Of a PUBLISH; 0 otherwise. */
  readonly qos: number;
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** What the packet says when it is CONNECT. */
  readonly connect: MqttConnect | null;
}

/**
 * Cuts the bytes of one client into packets and checks them against MQTT 3.1.1 and the limits before anything else sees them.
 * A packet's header is judged as soon as it is there: what will be refused is never collected. Frames that fit into the chunk are
 * views of it; a packet that spans chunks is collected in a buffer that grows with the bytes received, not with those announced.
 */
export interface MqttFrameWalker {
  /** Takes the next bytes of the stream. They must stay as they are until `next` has returned null. */
  feed(chunk: Uint8Array): void;
  /** The next packet, the breach that ends the stream (for good), or null when more bytes are needed. */
  next(): MqttFrame | MqttBreach | null;
}

const HEADER_BYTES_MAX = 5;
const NO_BYTES = new Uint8Array(0);

export function createMqttFrameWalker(limits: MqttFrameLimits): MqttFrameWalker {
  let chunk: Uint8Array = NO_BYTES;
  let at = 0;
  let held: Uint8Array = NO_BYTES;
  let heldLength = 0;
  let connected = false;
  let broken: MqttBreach | null = null;

  function next(): MqttFrame | MqttBreach | null {
    if (broken !== null) return broken;
    const found = heldLength === 0 ? fromChunk() : fromHeld();
    if (typeof found === "string") broken = found;
    return found;
  }

  /** The whole packet lies in the chunk, or its beginning is put aside. */
  function fromChunk(): MqttFrame | MqttBreach | null {
    if (at === chunk.length) return null;
    const length = frameLength(chunk, at, chunk.length, connected, limits);
    if (typeof length === "string") return length;
    if (length !== 0 && at + length <= chunk.length) {
      const start = at;
      at += length;
      return finish(chunk, start, at);
    }
    hold(chunk.length - at);
    return null;
  }

  /** A packet has begun in an earlier chunk: first complete its header, then the rest. */
  function fromHeld(): MqttFrame | MqttBreach | null {
    let length = frameLength(held, 0, heldLength, connected, limits);
    while (length === 0 && at < chunk.length) {
      hold(1);
      length = frameLength(held, 0, heldLength, connected, limits);
    }
    if (typeof length === "string") return length;
    if (length === 0) return null;
    hold(Math.min(length - heldLength, chunk.length - at), length);
    if (heldLength < length) return null;
    const whole = held;
    held = NO_BYTES;
    heldLength = 0;
    return finish(whole, 0, length);
  }

  function hold(count: number, sizeMax = Number.POSITIVE_INFINITY): void {
    const needed = heldLength + count;
    if (needed > held.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(needed * 2, sizeMax), HEADER_BYTES_MAX));
      grown.set(held.subarray(0, heldLength));
      held = grown;
    }
    held.set(chunk.subarray(at, at + count), heldLength);
    heldLength = needed;
    at += count;
  }

  function finish(source: Uint8Array, start: number, end: number): MqttFrame | MqttBreach {
    const frame = checkFrame(source, start, end, limits);
    connected = true;
    return frame;
  }

  return {
    feed(bytes) {
      chunk = at === chunk.length ? bytes : Buffer.concat([chunk.subarray(at), bytes]);
      at = 0;
    },
    next,
  };
}

/** Total bytes of the packet that begins at `start`, 0 while its header is incomplete, or what is wrong with the header. */
function frameLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  connected: boolean,
  limits: MqttFrameLimits,
): number | MqttBreach {
  const first = bytes[start] ?? 0;
  const breach = firstByteBreach(first, connected);
  if (breach !== null) return breach;
  let remaining = 0;
  for (let i = 1; i < HEADER_BYTES_MAX; i++) {
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

function firstByteBreach(first: number, connected: boolean): MqttBreach | null {
  const type = first >> 4;
  if (!connected && type !== MQTT_TYPE.connect) return "connect-expected";
  if (connected && type === MQTT_TYPE.connect) return "connect-repeated";
  const flags = first & 0x0f;
  switch (type) {
    case MQTT_TYPE.publish:
      return null;
    case MQTT_TYPE.subscribe:
    case MQTT_TYPE.unsubscribe:
      return flags === 2 ? null : "header-flags";
    case MQTT_TYPE.connect:
    case MQTT_TYPE.puback:
    case MQTT_TYPE.pingreq:
    case MQTT_TYPE.disconnect:
      return flags === 0 ? null : "header-flags";
    // Nothing is ever sent with QoS 2, and nothing is taken with it: none of these can be an answer.
    case MQTT_TYPE.pubrec:
    case MQTT_TYPE.pubrel:
    case MQTT_TYPE.pubcomp:
      return "packet-unsolicited";
    default:
      return "packet-type";
  }
}

function fixedLengthBreach(type: number, remaining: number): MqttBreach | null {
  if (type === MQTT_TYPE.puback) return remaining === 2 ? null : "packet-length";
  if (type === MQTT_TYPE.pingreq || type === MQTT_TYPE.disconnect) return remaining === 0 ? null : "packet-length";
  return null;
}

function checkFrame(source: Uint8Array, start: number, end: number, limits: MqttFrameLimits): MqttFrame | MqttBreach {
  const first = source[start] ?? 0;
  const type = first >> 4;
  let body = start + 2;
  while (((source[body - 1] ?? 0) & 0x80) !== 0) body++;
  let connect: MqttConnect | null = null;
  let breach: MqttBreach | null = null;
  if (type === MQTT_TYPE.publish) breach = publishBreach(source, body, end, first & 0x0f, limits);
  else if (type === MQTT_TYPE.puback) breach = packetIdBreach(source, body, end);
  else if (type === MQTT_TYPE.subscribe) breach = filtersBreach(source, body, end, true, limits);
  else if (type === MQTT_TYPE.unsubscribe) breach = filtersBreach(source, body, end, false, limits);
  else if (type === MQTT_TYPE.connect) {
    const parsed = parseMqttConnect(source, body, end, limits);
    if (typeof parsed === "string") breach = parsed;
    else connect = parsed;
  }
  if (breach !== null) return breach;
  return { type, qos: type === MQTT_TYPE.publish ? (first >> 1) & 3 : 0, source, start, end, connect };
}
