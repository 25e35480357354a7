import { isUtf8 } from "node:buffer";
import type { MqttBreach } from "./mqtt-breach.ts";

const PLUS = 0x2b;
const HASH = 0x23;
const SLASH = 0x2f;

export interface MqttTopicLimits {
  readonly mqttTopicBytesMax: number;
  readonly mqttTopicLevelsMax: number;
}

/**
 * What is wrong with the string in bytes [start, end), or null. Besides ill-formed UTF-8 and U+0000, which [MQTT-1.5.3-1] and
 * [MQTT-1.5.3-2] make us refuse, control characters and non-characters are refused, as 1.5.3 allows: they have no place in
 * topics and ids and are a trouble to every log and page that shows them.
 */
export function textBreach(bytes: Uint8Array, start: number, end: number): MqttBreach | null {
  let ascii = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x20 || byte === 0x7f) return "character-refused";
    if (byte > 0x7f) ascii = false;
  }
  return ascii ? null : wideTextBreach(bytes.subarray(start, end));
}

/** As `textBreach`, for the name that a PUBLISH or a will goes to: not empty, within the limits, no wildcard. */
export function topicNameBreach(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: MqttTopicLimits,
): MqttBreach | null {
  const breach = topicShapeBreach(bytes, start, end, limits);
  if (breach !== null) return breach;
  for (let i = start; i < end; i++) {
    if (bytes[i] === PLUS || bytes[i] === HASH) return "topic-wildcard";
  }
  return null;
}

/** As `textBreach`, for a filter: wildcards stand alone in their level, and # stands last (4.7.1). */
export function topicFilterBreach(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: MqttTopicLimits,
): MqttBreach | null {
  const breach = topicShapeBreach(bytes, start, end, limits);
  if (breach !== null) return breach;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte !== PLUS && byte !== HASH) continue;
    const opensLevel = i === start || bytes[i - 1] === SLASH;
    const closesLevel = i + 1 === end || (byte === PLUS && bytes[i + 1] === SLASH);
    if (!opensLevel || !closesLevel) return "filter-syntax";
  }
  return null;
}

function topicShapeBreach(bytes: Uint8Array, start: number, end: number, limits: MqttTopicLimits): MqttBreach | null {
  if (end === start) return "topic-empty";
  if (end - start > limits.mqttTopicBytesMax) return "topic-too-long";
  let levels = 1;
  for (let i = start; i < end; i++) if (bytes[i] === SLASH) levels++;
  if (levels > limits.mqttTopicLevelsMax) return "topic-too-deep";
  return textBreach(bytes, start, end);
}

function wideTextBreach(bytes: Uint8Array): MqttBreach | null {
  if (!isUtf8(bytes)) return "utf8-invalid";
  for (const character of new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)) {
    const point = character.codePointAt(0) ?? 0;
    if (point >= 0x80 && point <= 0x9f) return "character-refused";
    if ((point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe) return "character-refused";
  }
  return null;
}
