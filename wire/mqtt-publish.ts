import { MQTT_TYPE } from "./mqtt-header.ts";

/** A PUBLISH from the server (3.3). `packetId` is 0, and left out, with QoS 0. */
export interface OutgoingPublish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
}

const DUP = 0x08;
const RETAIN = 0x01;

export function encodePublish({ topic, payload, qos, retain, dup, packetId }: OutgoingPublish): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const remaining = 2 + topicBytes + (qos === 0 ? 0 : 2) + payload.length;
  const lengthBytes = remaining < 0x80 ? 1 : remaining < 0x4000 ? 2 : remaining < 0x20_0000 ? 3 : 4;
  const bytes = Buffer.allocUnsafe(1 + lengthBytes + remaining);
  bytes[0] = (MQTT_TYPE.publish << 4) | (dup ? DUP : 0) | (qos << 1) | (retain ? RETAIN : 0);
  let at = 1;
  for (let rest = remaining; at <= lengthBytes; at++, rest >>>= 7) {
    bytes[at] = (rest & 0x7f) | (at < lengthBytes ? 0x80 : 0);
  }
  at = bytes.writeUInt16BE(topicBytes, at);
  at += bytes.write(topic, at, "utf8");
  if (qos > 0) at = bytes.writeUInt16BE(packetId, at);
  bytes.set(payload, at);
  return bytes;
}
