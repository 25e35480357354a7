import { isId } from "../core/ids.ts";
import type { MqttBreach } from "./mqtt-breach.ts";
import { type MqttTopicLimits, textBreach, topicNameBreach } from "./mqtt-text.ts";

export interface MqttWill {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Buffer;
}

/** What a valid CONNECT of MQTT 3.1.1 says. `password` is any bytes (3.1.3.5). */
export interface MqttConnect {
  readonly clientId: string;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
  readonly will: MqttWill | null;
  readonly userName: string | null;
  readonly password: Uint8Array | null;
}

export interface MqttConnectLimits extends MqttTopicLimits {
  /** Of a will, as of any message. */
  readonly payloadBytesMax: number;
}

interface Field {
  readonly start: number;
  readonly end: number;
}

/** Reads the body of a CONNECT packet, bytes [start, end), and checks all of it. The result shares no memory with `bytes`. */
export function parseMqttConnect(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: MqttConnectLimits,
): MqttConnect | MqttBreach {
  const name = readField(bytes, start, end);
  if (name === null || name.end + 4 > end) return "packet-length";
  const level = bytes[name.end] ?? 0;
  const refused = protocolBreach(textOf(bytes, name), level);
  if (refused !== null) return refused;
  const flags = readFlags(bytes[name.end + 1] ?? 0);
  if (typeof flags === "string") return flags;
  const keepAliveSeconds = readUint16(bytes, name.end + 2);
  return parsePayload(bytes, name.end + 4, end, flags, keepAliveSeconds, limits);
}

function protocolBreach(name: string, level: number): MqttBreach | null {
  // MQTT 3.1 called itself MQIsdp and knows the code for a refused level; any other name is another protocol [MQTT-3.1.2-1].
  if (name === "MQIsdp") return "protocol-level";
  if (name !== "MQTT") return "protocol-name";
  if (level === 5) return "protocol-level-5";
  return level === 4 ? null : "protocol-level";
}

interface ConnectFlags {
  readonly clean: boolean;
  readonly will: boolean;
  readonly willQos: 0 | 1 | 2;
  readonly willRetain: boolean;
  readonly password: boolean;
  readonly userName: boolean;
}

function readFlags(flags: number): ConnectFlags | MqttBreach {
  const will = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 3;
  const userName = (flags & 0x80) !== 0;
  const password = (flags & 0x40) !== 0;
  if (willQos === 3) return "will-qos";
  if ((flags & 0x01) !== 0) return "connect-flags";
  // [MQTT-3.1.2-13], [MQTT-3.1.2-15], [MQTT-3.1.2-22]
  if (!will && (flags & 0x38) !== 0) return "connect-flags";
  if (password && !userName) return "connect-flags";
  return {
    clean: (flags & 0x02) !== 0,
    will,
    willQos: willQos === 0 ? 0 : willQos === 1 ? 1 : 2,
    willRetain: (flags & 0x20) !== 0,
    password,
    userName,
  };
}

function parsePayload(
  bytes: Uint8Array,
  start: number,
  end: number,
  flags: ConnectFlags,
  keepAliveSeconds: number,
  limits: MqttConnectLimits,
): MqttConnect | MqttBreach {
  let at = start;
  const fields: Field[] = [];
  const count = 1 + (flags.will ? 2 : 0) + (flags.userName ? 1 : 0) + (flags.password ? 1 : 0);
  for (let i = 0; i < count; i++) {
    const field = readField(bytes, at, end);
    if (field === null) return "packet-length";
    fields.push(field);
    at = field.end;
  }
  if (at !== end) return "packet-length";
  const none = { start, end: start };
  const clientId = fields.shift() ?? none;
  const willTopic = flags.will ? (fields.shift() ?? none) : null;
  const willPayload = flags.will ? (fields.shift() ?? none) : null;
  const userName = flags.userName ? (fields.shift() ?? none) : null;
  const password = flags.password ? (fields.shift() ?? none) : null;
  const breach =
    clientIdBreach(bytes, clientId, flags.clean) ??
    (willTopic && topicNameBreach(bytes, willTopic.start, willTopic.end, limits)) ??
    (willPayload && willPayload.end - willPayload.start > limits.payloadBytesMax ? "payload-too-large" : null) ??
    (userName && textBreach(bytes, userName.start, userName.end));
  if (breach !== null) return breach;
  return {
    clientId: textOf(bytes, clientId),
    clean: flags.clean,
    keepAliveSeconds,
    will:
      willTopic && willPayload
        ? {
            topic: textOf(bytes, willTopic),
            qos: flags.willQos,
            retain: flags.willRetain,
            payload: Buffer.from(bytes.slice(willPayload.start, willPayload.end)),
          }
        : null,
    userName: userName && textOf(bytes, userName),
    password: password && bytes.slice(password.start, password.end),
  };
}

function clientIdBreach(bytes: Uint8Array, field: Field, clean: boolean): MqttBreach | null {
  if (field.start === field.end) return clean ? null : "client-id-empty";
  return textBreach(bytes, field.start, field.end) ?? (isId(textOf(bytes, field)) ? null : "client-id-invalid");
}

function readField(bytes: Uint8Array, at: number, end: number): Field | null {
  if (at + 2 > end) return null;
  const start = at + 2;
  const stop = start + readUint16(bytes, at);
  return stop > end ? null : { start, end: stop };
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function textOf(bytes: Uint8Array, field: Field): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + field.start, field.end - field.start).toString("utf8");
}
