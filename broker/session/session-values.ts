import type {
  DeliveryQos,
  KeptSession,
  KeptSubscription,
  QueuedDelivery,
  QueuedMessage,
  RetainedMessage,
} from "./session-store.ts";

/** How sessions and messages are written where they are kept. The first byte is the version of the form. */
const VERSION = 1;

/** A queue without room drops so many messages that are too old, as far as it has them, or more until there is room: not one for each that comes. */
export const TOO_OLD_AT_ONCE = 100;

/** Version, flags, `queuedAt` (f64), bytes of the topic (u16), topic, payload. Numbers are big-endian. */
const MESSAGE = { flags: 1, queuedAt: 2, topicBytes: 10, topic: 12 } as const;
/** Bits of the flags. The lowest two are the QoS. */
const QOS = 0b0011;
const RETAIN = 0b0100;
const RELEASED = 0b1000;

/** As for a queue with QoS 0: `withQos` makes the value of a queue. */
export function encodeMessage(message: QueuedMessage): Buffer {
  const topic = Buffer.from(message.topic);
  const value = Buffer.allocUnsafe(MESSAGE.topic + topic.length + message.payload.length);
  value.writeUInt8(VERSION, 0);
  value.writeUInt8(message.retain ? RETAIN : 0, MESSAGE.flags);
  value.writeDoubleBE(message.queuedAt, MESSAGE.queuedAt);
  value.writeUInt16BE(topic.length, MESSAGE.topicBytes);
  value.set(topic, MESSAGE.topic);
  value.set(message.payload, MESSAGE.topic + topic.length);
  return value;
}

/** A copy of the value. */
export function withQos(value: Uint8Array, qos: DeliveryQos): Buffer {
  return withFlags(value, (flags) => (flags & ~QOS) | qos);
}

/** A copy of the value. */
export function asReleased(value: Uint8Array): Buffer {
  return withFlags(value, (flags) => flags | RELEASED);
}

function withFlags(value: Uint8Array, change: (flags: number) => number): Buffer {
  const copy = Buffer.from(value);
  copy.writeUInt8(change(copy.readUInt8(MESSAGE.flags)), MESSAGE.flags);
  return copy;
}

/** Of `encodeMessage`: UTC ms. */
export function queuedAtOf(value: Buffer): number {
  return value.readDoubleBE(MESSAGE.queuedAt);
}

/** Null for a value that nobody here has written. */
export function payloadBytes(value: Buffer): number | null {
  if (value.length < MESSAGE.topic || value.readUInt8(0) !== VERSION) return null;
  const bytes = value.length - MESSAGE.topic - value.readUInt16BE(MESSAGE.topicBytes);
  return bytes < 0 ? null : bytes;
}

/** Null for a value that nobody here has written. */
export function decodeDelivery(value: Buffer, sequence: number): QueuedDelivery | null {
  const bytes = payloadBytes(value);
  const flags = bytes === null ? 0 : value.readUInt8(MESSAGE.flags);
  const qos = flags & QOS;
  if (bytes === null || (qos !== 1 && qos !== 2)) return null;
  return {
    topic: value.toString("utf8", MESSAGE.topic, value.length - bytes),
    payload: value.subarray(value.length - bytes),
    retain: (flags & RETAIN) !== 0,
    queuedAt: value.readDoubleBE(MESSAGE.queuedAt),
    sequence,
    qos,
    released: (flags & RELEASED) !== 0,
  };
}

/** Version, `disconnectedAt` (f64, NaN for null), client, then QoS and filter of each subscription. Texts follow their bytes (u16). */
const SESSION = { disconnectedAt: 1, texts: 9 } as const;

export function encodeSession(session: KeptSession): Buffer {
  const head = Buffer.alloc(SESSION.texts);
  head.writeUInt8(VERSION, 0);
  head.writeDoubleBE(session.disconnectedAt ?? Number.NaN, SESSION.disconnectedAt);
  const subscriptions = session.subscriptions.flatMap(({ filter, qos }) => [Buffer.of(qos), ...text(filter)]);
  return Buffer.concat([head, ...text(session.client), ...subscriptions]);
}

function text(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return [length, bytes];
}

/** Null for a value that nobody here has written. */
export function decodeSession(value: Buffer): KeptSession | null {
  if (value.length < SESSION.texts || value.readUInt8(0) !== VERSION) return null;
  const disconnectedAt = value.readDoubleBE(SESSION.disconnectedAt);
  let at: number = SESSION.texts;
  const readText = (): string => {
    const start = at + 2;
    at = start + value.readUInt16BE(at);
    return value.toString("utf8", start, at);
  };
  try {
    const client = readText();
    const subscriptions: KeptSubscription[] = [];
    while (at < value.length) {
      const qos = value.readUInt8(at);
      at += 1;
      if (!isQos(qos)) return null;
      subscriptions.push({ qos, filter: readText() });
    }
    if (at !== value.length) return null;
    return { client, subscriptions, disconnectedAt: Number.isNaN(disconnectedAt) ? null : disconnectedAt };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Version, QoS, payload: the topic is the key. */
const RETAINED = { qos: 1, payload: 2 } as const;

export function encodeRetained({ qos, payload }: RetainedMessage): Buffer {
  return Buffer.concat([Buffer.of(VERSION, qos), payload]);
}

/** Null for a value that nobody here has written. */
export function decodeRetained(topic: string, value: Buffer): RetainedMessage | null {
  const qos = value.length < RETAINED.payload || value.readUInt8(0) !== VERSION ? null : value.readUInt8(RETAINED.qos);
  return qos !== null && isQos(qos) ? { topic, qos, payload: value.subarray(RETAINED.payload) } : null;
}

function isQos(value: number): value is 0 | 1 | 2 {
  return value === 0 || value === 1 || value === 2;
}
