import { PAGE_BYTES, PIECE_BYTES } from "../../log/embedded/pieces.ts";
import type { SystemCall } from "./strace-log.ts";

export interface DurabilityQuestion {
  /** Path of the log's data file. Syncs of other files prove nothing. */
  readonly logFile: string;
  readonly mqttPort: number;
  /** Texts that are in the log before they are anywhere else, each in one record. */
  readonly marks: readonly string[];
}

export interface DurabilityFindings {
  /** PUBACKs that were looked at. */
  readonly acknowledgements: number;
  /** Where marks went, with how many went there. */
  readonly outputs: ReadonlyMap<string, number>;
  /** A sentence for each PUBACK or output that left before its record was durable. */
  readonly violations: readonly string[];
}

const SYNCS = ["fdatasync", "fsync"];
const WRITES = ["write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg"];
/** LMDB's two meta pages lie first in the file; a transaction counts from the moment that one of them names it. */
const META_BYTES = 2 * PAGE_BYTES;

/** Looks in a trace for acknowledgements and outputs that left before the log's data file was synced. */
export function findEarlyOutputs(calls: readonly SystemCall[], question: DurabilityQuestion): DurabilityFindings {
  const log = readLogWrites(calls, question.logFile);
  const violations: string[] = [];
  let acknowledgements = 0;
  for (const connection of readConnections(calls, question.mqttPort)) {
    for (const { packetId, startedAt } of connection.pubacks) {
      acknowledgements += 1;
      const publish = connection.publishes.get(packetId);
      const durableAt = publish === undefined ? Infinity : log.durableAt(publish.payload, publish.readAt);
      if (startedAt < durableAt) violations.push(`PUBACK ${packetId} at line ${startedAt}, durable at ${durableAt}`);
    }
  }
  const outputs = new Map<string, number>();
  for (const mark of question.marks) {
    const bytes = Buffer.from(mark);
    const durableAt = log.durableAt(bytes, 0);
    const seen = new Set<string>();
    for (const call of calls) {
      if (!WRITES.includes(call.name) || call.target === question.logFile || !call.bytes.includes(bytes)) continue;
      if (!seen.has(call.target)) outputs.set(call.target, (outputs.get(call.target) ?? 0) + 1);
      seen.add(call.target);
      if (call.startedAt < durableAt)
        violations.push(`${mark} went to ${call.target} at line ${call.startedAt}, durable at ${durableAt}`);
    }
  }
  return { acknowledgements, outputs, violations };
}

interface LogWrites {
  /** The line from which on the record with these bytes survives a power cut; it was written after line `from`. */
  durableAt(bytes: Buffer, from: number): number;
}

function readLogWrites(calls: readonly SystemCall[], logFile: string): LogWrites {
  const ofLog = calls.filter((call) => call.target === logFile && call.result !== -1);
  const writes = ofLog.filter((call) => WRITES.includes(call.name));
  const syncs = ofLog.filter((call) => SYNCS.includes(call.name));
  const metas = writes.filter((call) => call.name === "pwrite64" && positionOf(call) < META_BYTES);
  const syncedDescriptors = new Set(
    calls
      .filter((call) => call.name === "openat" && call.args.includes("O_DSYNC") && call.bytes.toString() === logFile)
      .map((call) => call.result),
  );
  const syncedAt = (line: number): number => syncs.find((sync) => sync.startedAt > line)?.returnedAt ?? Infinity;
  return {
    durableAt(bytes, from) {
      const write = writeOf(
        bytes,
        writes.filter((call) => call.startedAt > from),
      );
      if (write === undefined) return Infinity;
      const pagesAt = syncedAt(write.returnedAt);
      const meta = metas.find((call) => call.startedAt > pagesAt);
      if (meta === undefined) return Infinity;
      return syncedDescriptors.has(meta.descriptor) ? meta.returnedAt : syncedAt(meta.returnedAt);
    },
  };
}

/** The write that has the last of the bytes; a record lies in pieces, each behind its page's header, and the bytes may go from one into the next. */
function writeOf(bytes: Buffer, writes: readonly SystemCall[]): SystemCall | undefined {
  const whole = writes.find((call) => call.bytes.includes(bytes));
  if (whole !== undefined) return whole;
  for (let head = bytes.length - 1; head > 0; head -= 1) {
    const first = writes.find((call) =>
      piecesIn(call).some((one) => one.subarray(-head).equals(bytes.subarray(0, head))),
    );
    const tail = bytes.subarray(head);
    const last = writes.find((call) => piecesIn(call).some((one) => one.subarray(0, tail.length).equals(tail)));
    if (first !== undefined && last !== undefined) return first.returnedAt > last.returnedAt ? first : last;
  }
  return undefined;
}

function piecesIn({ bytes }: SystemCall): readonly Buffer[] {
  const count = Math.floor(bytes.length / PAGE_BYTES);
  return Array.from({ length: count }, (_, page) =>
    bytes.subarray((page + 1) * PAGE_BYTES - PIECE_BYTES, (page + 1) * PAGE_BYTES),
  );
}

/** The last argument of pwrite64. */
function positionOf(call: SystemCall): number {
  return Number(call.args.slice(call.args.lastIndexOf(",") + 1));
}

interface Connection {
  readonly publishes: Map<number, { readonly payload: Buffer; readonly readAt: number }>;
  readonly pubacks: { readonly packetId: number; readonly startedAt: number }[];
}

/** What went over each connection of the MQTT port, from the server's side. */
function readConnections(calls: readonly SystemCall[], mqttPort: number): Connection[] {
  const sockets = new Map<string, SystemCall[]>();
  const ours = new RegExp(`^TCP:\\[[^>]*:${mqttPort}->`);
  for (const call of calls) {
    if (!ours.test(call.target) || call.result === null || call.result <= 0) continue;
    const ofSocket = sockets.get(call.target);
    if (ofSocket) ofSocket.push(call);
    else sockets.set(call.target, [call]);
  }
  return [...sockets.values()].map((ofSocket) => {
    const connection: Connection = { publishes: new Map(), pubacks: [] };
    for (const { frame, last } of framesOf(ofSocket.filter((call) => !WRITES.includes(call.name)))) {
      if (frame.type !== 0x30) continue;
      const topicEnd = 2 + frame.body.readUInt16BE(0);
      const payload = frame.body.subarray(topicEnd + 2);
      connection.publishes.set(frame.body.readUInt16BE(topicEnd), { payload, readAt: last.returnedAt });
    }
    for (const { frame, first } of framesOf(ofSocket.filter((call) => WRITES.includes(call.name)))) {
      if (frame.type === 0x40)
        connection.pubacks.push({ packetId: frame.body.readUInt16BE(0), startedAt: first.startedAt });
    }
    return connection;
  });
}

interface Frame {
  /** The upper half of the first byte. */
  readonly type: number;
  readonly body: Buffer;
  readonly bytes: number;
}

/** The MQTT packets of one direction, each with the calls that carried its first and its last byte. */
function framesOf(calls: readonly SystemCall[]): { frame: Frame; first: SystemCall; last: SystemCall }[] {
  const stream = Buffer.concat(calls.map((call) => call.bytes));
  const callAt = (position: number): SystemCall | undefined => {
    let end = 0;
    return calls.find((call) => position < (end += call.bytes.length));
  };
  const frames: { frame: Frame; first: SystemCall; last: SystemCall }[] = [];
  for (let at = 0; ;) {
    const frame = readFrame(stream.subarray(at));
    const first = callAt(at);
    const last = frame === null ? undefined : callAt(at + frame.bytes - 1);
    if (frame === null || first === undefined || last === undefined) return frames;
    frames.push({ frame, first, last });
    at += frame.bytes;
  }
}

function readFrame(bytes: Buffer): Frame | null {
  let length = 0;
  for (let index = 1; index < Math.min(5, bytes.length); index += 1) {
    const byte = bytes[index] ?? 0;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if (byte > 0x7f) continue;
    const end = index + 1 + length;
    if (end > bytes.length) return null;
    return { type: (bytes[0] ?? 0) & 0xf0, body: bytes.subarray(index + 1, end), bytes: end };
  }
  return null;
}
