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
export const PINGRESP = Buffer.from([0xd0, 0x00]);

/** The bytes that a PUBACK has (3.4). */
export const PUBACK_BYTES = 4;

/** Returns the position behind it. */
export function writePuback(bytes: Buffer, at: number, packetId: number): number {
  bytes[at] = 0x40;
  bytes[at + 1] = 2;
  bytes[at + 2] = packetId >> 8;
  bytes[at + 3] = packetId & 0xff;
  return at + PUBACK_BYTES;
}
