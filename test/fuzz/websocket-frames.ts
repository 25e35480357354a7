import { pick } from "../faults/chance.ts";
import { randomBytes } from "./mqtt-session.ts";
import type { Random } from "../../device-sim/random.ts";

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;

/** A handshake, then the bytes of an MQTT session in frames that need not begin where packets do [MQTT-6.0.0-2]. */
export function websocketFrames(session: readonly Buffer[], random: Random): Buffer[] {
  const lines = [
    "GET /mqtt HTTP/1.1",
    "Host: fuzz",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16, random).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${pick(["mqtt", "mqtt", "mqtt, other", "mqttv3.1"], random)}`,
    ...(random.next() < 0.2 ? ["Sec-WebSocket-Extensions: permessage-deflate"] : []),
  ];
  const frames: Buffer[] = [Buffer.from(`${lines.join("\r\n")}\r\n\r\n`)];
  for (const bytes of random.next() < 0.5 ? session : [Buffer.concat(session)]) {
    frames.push(...messageOf(bytes, random));
    if (random.next() < 0.1)
      frames.push(frame(FINAL | OPCODE.ping, randomBytes(pick([0, 5, 125], random), random), random));
    if (random.next() < 0.05) frames.push(frame(FINAL | OPCODE.pong, Buffer.alloc(0), random));
    if (random.next() < 0.03) frames.push(frame(FINAL | OPCODE.text, Buffer.from("text"), random));
  }
  if (random.next() < 0.4) frames.push(frame(FINAL | OPCODE.close, Buffer.from([0x03, 0xe8]), random));
  return frames;
}

/** In one frame or in several. */
function messageOf(bytes: Buffer, random: Random): Buffer[] {
  if (random.next() < 0.7 || bytes.length < 2) return [frame(FINAL | OPCODE.binary, bytes, random)];
  const cut = 1 + Math.floor(random.next() * (bytes.length - 1));
  return [
    frame(OPCODE.binary, bytes.subarray(0, cut), random),
    frame(FINAL | OPCODE.continuation, bytes.subarray(cut), random),
  ];
}

/** Masked, as a client's must be [RFC 6455 §5.3]. */
function frame(firstByte: number, payload: Buffer, random: Random): Buffer {
  const mask = randomBytes(4, random);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return Buffer.concat([Buffer.from([firstByte]), lengthOf(payload.length), mask, masked]);
}

function lengthOf(length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | length]);
  if (length < 65_536) return Buffer.from([0x80 | 126, length >> 8, length & 0xff]);
  const long = Buffer.alloc(9, 0x80 | 127);
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}
