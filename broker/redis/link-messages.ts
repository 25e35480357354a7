import { z } from "zod";
import { deviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import type { RoutedMessage } from "../gateway-link.ts";
import { deviceKeyOf, telemetryTopicOf } from "../topic-acl.ts";

const from = z.string().min(1);
/** Names what the others acknowledge; 0 when nobody waits for it. */
const round = z.number();
const texts = z.array(z.string()).readonly();

/** What gateways tell each other, as JSON. `from` names a session of a gateway, not the process: it changes with every reconnect. */
const controlSchema = z.discriminatedUnion("kind", [
  /** Here I am: tell me what you ask for. */
  z.object({ kind: z.literal("hello"), from }),
  z.object({ kind: z.literal("alive"), from }),
  z.object({ kind: z.literal("bye"), from }),
  /** Devices (`tenant/device`) whose messages it asks for from now on, and no more. */
  z.object({ kind: z.literal("asks"), from, round, began: texts, ceased: texts }),
  /** Clients (`tenant/device/client id`) that have connected there. */
  z.object({ kind: z.literal("claims"), from, round, clients: texts }),
  /** The sender has heard of this round, and serves none of its clients any more. */
  z.object({ kind: z.literal("acknowledged"), from, round }),
]);
export type LinkControl = z.infer<typeof controlSchema>;

export function encodeControl(control: LinkControl): Buffer {
  return Buffer.from(JSON.stringify(control));
}

/** Null for what no gateway of this release says. */
export function decodeControl(bytes: Buffer): LinkControl | null {
  return controlSchema.safeParse(parseJson(bytes.toString("utf8"))).data ?? null;
}

export interface LinkedMessage {
  readonly topic: string;
  readonly message: RoutedMessage;
}

/** Another gateway may take larger payloads than this one, but none that is no record. */
const headSchema = z.array(z.tuple([z.string(), z.literal([0, 1, 2]), z.int().min(0).max(LIMITS.recordBytesMax)]));
const HEAD_LENGTH_BYTES = 4;
/** Messages come from HTTP too, and under topics that name no device: so the longest ids give the longest topic, not what a client may write. */
const LONGEST_ID = "x".repeat(LIMITS.idCharactersMax);
const TOPIC_BYTES = Math.max(LIMITS.mqttTopicBytesMax, telemetryTopicOf(deviceKey(LONGEST_ID, LONGEST_ID)).length);

/** Length of the head, the head as JSON (topic, QoS and payload length of each message), then the payloads. */
export function encodeMessages(messages: readonly LinkedMessage[]): Buffer {
  const head = messages.map(({ topic, message }) => [topic, message.qos, message.payload.length]);
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(HEAD_LENGTH_BYTES);
  length.writeUInt32BE(headBytes.length);
  return Buffer.concat([length, headBytes, ...messages.map(({ message }) => message.payload)]);
}

/**
 * What is on a device's own topic; the payloads are views. Null when it is not exactly what `encodeMessages` makes, or when there is nothing else in it:
 * one bad topic costs no message of another device.
 */
export function decodeMessages(bytes: Buffer): readonly LinkedMessage[] | null {
  if (bytes.length < HEAD_LENGTH_BYTES) return null;
  const headEnd = HEAD_LENGTH_BYTES + bytes.readUInt32BE();
  const head = headSchema.safeParse(parseJson(bytes.toString("utf8", HEAD_LENGTH_BYTES, headEnd))).data;
  if (head === undefined) return null;
  const messages: LinkedMessage[] = [];
  let at = headEnd;
  for (const [topic, qos, length] of head) {
    const payload = bytes.subarray(at, at + length);
    at += length;
    const isOwn = deviceKeyOf(topic) !== null && Buffer.byteLength(topic) <= TOPIC_BYTES;
    if (isOwn) messages.push({ topic, message: { qos, payload } });
  }
  const isJunk = at !== bytes.length || (messages.length === 0 && head.length > 0);
  return isJunk ? null : messages;
}
