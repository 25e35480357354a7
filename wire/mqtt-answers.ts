import type { ConnackCode } from "./mqtt-breach.ts";

/** A CONNACK that refuses the connection (3.2). */
export function encodeConnackRefusal(returnCode: ConnackCode): Buffer {
  return Buffer.from([0x20, 0x02, 0x00, returnCode]);
}

/**
 * The refusal of an MQTT 5 CONNECT in MQTT 5's own format, which is what such a client can read: session present 0, reason 0x84
 * "unsupported protocol version", no properties (MQTT 5, 3.2 and 4.13).
 */
export function encodeConnackRefusalV5(): Buffer {
  return Buffer.from([0x20, 0x03, 0x00, 0x84, 0x00]);
}

/** No session is present [MQTT-3.2.2-2]. */
export const CONNACK_ACCEPTED = Buffer.from([0x20, 0x02, 0x00, 0x00]);
/** The session goes on [MQTT-3.2.2-2]. */
export const CONNACK_PRESENT = Buffer.from([0x20, 0x02, 0x01, 0x00]);
export const PINGRESP = Buffer.from([0xd0, 0x00]);

/** The first byte of packets that only name another one (3.4-3.7, 3.11). */
export const ANSWER = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70, unsuback: 0xb0 } as const;
export type Answer = (typeof ANSWER)[keyof typeof ANSWER];

/** The bytes that such a packet has. */
export const ANSWER_BYTES = 4;

/** Returns the position behind it. */
export function writeAnswer(bytes: Buffer, at: number, answer: number, packetId: number): number {
  bytes[at] = answer;
  bytes[at + 1] = 2;
  bytes[at + 2] = packetId >> 8;
  bytes[at + 3] = packetId & 0xff;
  return at + ANSWER_BYTES;
}

export function encodeAnswer(answer: Answer, packetId: number): Buffer {
  const bytes = Buffer.allocUnsafe(ANSWER_BYTES);
  writeAnswer(bytes, 0, answer, packetId);
  return bytes;
}

/** What a SUBACK says of a filter: the QoS that was granted, or that it is refused (3.9.3). */
export type SubackCode = 0 | 1 | 2 | 0x80;
export const SUBACK_FAILURE = 0x80;

export function encodeSuback(packetId: number, codes: readonly SubackCode[]): Buffer {
  const remaining = 2 + codes.length;
  // A packet of 1 MiB has no more filters than fit into three bytes of length.
  const lengthBytes =
    remaining < 0x80
      ? [remaining]
      : remaining < 0x4000
        ? [(remaining & 0x7f) | 0x80, remaining >> 7]
        : [(remaining & 0x7f) | 0x80, ((remaining >> 7) & 0x7f) | 0x80, remaining >> 14];
  return Buffer.from([0x90, ...lengthBytes, packetId >> 8, packetId & 0xff, ...codes]);
}
