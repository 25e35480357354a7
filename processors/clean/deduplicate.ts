import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { HEADER } from "../../core/record.ts";
import { HASH_LENGTH, hashBytes, hashText } from "../../engine/hash64.ts";
import type { StreamContext } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { DecodedPayload } from "../../wire/telemetry-payload.ts";

/**
 * What was seen lately, as hashes end to end. A message rewrites the head only; a full head becomes a segment, and the oldest
 * segment is overwritten.
 */
export const seenSchema = z.union([
  z.object({
    kind: z.literal("head"),
    /** Newest device-supplied event time seen: a message with a newer one cannot have come before. */
    newest: z.number(),
    /** Segments written so far. */
    segments: z.number(),
    /** Admission id of the last message without a time of its own. */
    admission: z.string(),
    hashes: z.string(),
  }),
  z.object({ kind: z.literal("segment"), hashes: z.string() }),
]);
export type Seen = z.infer<typeof seenSchema>;
type Head = Extract<Seen, { kind: "head" }>;

/** The head is written with every unit that holds a message of the device: so it is short. */
const PER_SEGMENT = 16;
const SEGMENTS = Math.floor(LIMITS.dedupeEntriesPerDevice / PER_SEGMENT) - 1;
const HEAD_SLOT = "head";

/**
 * True when the message is a resend within the horizon: same device-supplied event time and payload; or DUP (MQTT 3.1.1 §3.3.1.1)
 * with the same credential, client, packet id and payload; or the same admission id. If not, it is remembered.
 */
export function isDuplicate(record: LogRecord, payload: DecodedPayload, context: StreamContext<Seen>): boolean {
  const slot = context.state.get(HEAD_SLOT);
  const head = slot?.kind === "head" ? slot : newHead();
  const hash = hashBytes(record.value);
  const newest = newestTime(payload, context.receiveTime + LIMITS.eventTimeAheadMsMax);
  if (newest === null) return isResend(record, hash, head, context);
  // The payload holds its times, so the same payload is the same times. A time beyond belief is compared but not kept as newest.
  if ((newest === Infinity || newest <= head.newest) && wasSeen(hash, head, context)) return true;
  const kept = newest === Infinity ? head.newest : Math.max(newest, head.newest);
  remember(head, { newest: kept, admission: head.admission, hashes: [hash] }, context);
  return false;
}

/** For messages without a time of their own: the same values again are a new message unless the transport says otherwise. */
function isResend(record: LogRecord, hash: string, head: Head, context: StreamContext<Seen>): boolean {
  const hashes: string[] = [];
  const admission = record.header(HEADER.admissionId) ?? "";
  if (admission !== "") {
    const identity = hashText(`${hash} ${admission}`);
    if (!isFirst(record, admission, head.admission) && wasSeen(identity, head, context)) return true;
    hashes.push(identity);
  }
  const packetId = record.header(HEADER.packetId);
  if (packetId !== undefined) {
    // Client ids are a credential's own: the device and its gateway may have the same.
    const client = `${record.header(HEADER.principal) ?? ""} ${record.header(HEADER.clientId) ?? ""}`;
    const identity = hashText(`${hash} ${client} ${packetId}`);
    if (record.header(HEADER.dup) === "1" && wasSeen(identity, head, context)) return true;
    hashes.push(identity);
  }
  const { newest } = head;
  if (hashes.length > 0) {
    remember(head, { newest, admission: admission === "" ? head.admission : admission, hashes }, context);
  }
  return false;
}

/** The newest time that the device supplied: null without any, Infinity when one of them cannot serve as a measure. */
function newestTime({ readings }: DecodedPayload, latest: number): number | null {
  let newest: number | null = null;
  for (const { ts } of readings) {
    if (ts === undefined) continue;
    const usable = typeof ts === "number" && ts <= latest;
    newest = Math.max(newest ?? -1, usable ? ts : Infinity);
  }
  return newest;
}

/**
 * True when nothing with this id can have come before: it is later than the last one. Not with QoS 2, which is appended again with the id that it
 * had when its gateway broke off, between others: their ids have no dot now, but releases before have stored some with.
 */
function isFirst(record: LogRecord, id: string, last: string): boolean {
  return isLater(id, last) && record.header(HEADER.qos) !== "2";
}

/** Admission ids are `gateway.epoch.sequence`, unless what has them may be appended again; those of one gateway and epoch come in order. */
function isLater(id: string, than: string): boolean {
  const dot = id.lastIndexOf(".") + 1;
  if (dot === 0 || id.slice(0, dot) !== than.slice(0, dot)) return false;
  return Number(id.slice(dot)) > Number(than.slice(dot));
}

function wasSeen(hash: string, head: Head, context: StreamContext<Seen>): boolean {
  if (holds(head.hashes, hash)) return true;
  for (let segment = 0; segment < Math.min(head.segments, SEGMENTS); segment += 1) {
    const slot = context.state.get(segmentSlot(segment));
    if (slot?.kind === "segment" && holds(slot.hashes, hash)) return true;
  }
  return false;
}

function holds(hashes: string, hash: string): boolean {
  for (let at = hashes.indexOf(hash); at >= 0; at = hashes.indexOf(hash, at + 1)) {
    if (at % HASH_LENGTH === 0) return true;
  }
  return false;
}

interface Remembered {
  readonly newest: number;
  readonly admission: string;
  readonly hashes: readonly string[];
}

/** In place: each message changes the head, and a new one would live until the next. */
function remember(head: Head, seen: Remembered, context: StreamContext<Seen>): void {
  const { state } = context;
  let { segments, hashes } = head;
  for (const hash of seen.hashes) {
    if (hashes.length >= PER_SEGMENT * HASH_LENGTH) {
      state.set(segmentSlot(segments % SEGMENTS), { kind: "segment", hashes });
      segments += 1;
      hashes = "";
    }
    hashes += hash;
  }
  const isNew = head.hashes === "" && head.segments === 0;
  const before = { ...head };
  head.newest = seen.newest;
  head.segments = segments;
  head.admission = seen.admission;
  head.hashes = hashes;
  if (isNew) state.set(HEAD_SLOT, head);
  else state.changed(HEAD_SLOT, before);
}

function newHead(): Head {
  return { kind: "head", newest: -1, segments: 0, admission: "", hashes: "" };
}

function segmentSlot(segment: number): string {
  return `segment/${segment}`;
}
