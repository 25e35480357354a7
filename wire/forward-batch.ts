import { isMillraceError, MillraceError } from "../core/errors.ts";
import { parseForwardedOrigin } from "../core/forwarded-origin.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { HEADER, type LogRecord, type RecordInput } from "../core/record.ts";
import { BATCH } from "./record-batch-layout.ts";
import { compressRecordBatch } from "./record-batch-compression.ts";
import { decodeRecordBatch } from "./record-batch-reader.ts";
import { type IncomingTrace, parseTraceparent } from "./trace-context.ts";

/** Where an edge installation publishes what it forwards. */
export const FORWARD_TELEMETRY = "v1/forward/telemetry";

/** One message of an envelope, as the edge has it. */
export interface ForwardedMessage {
  /** The device's id; null when the record's key names none. The tenant is the edge's own affair. */
  readonly device: string | null;
  /** Byte for byte as the device sent it. */
  readonly payload: Buffer;
  /** The text of the `fwd` header, checked. */
  readonly origin: string;
  /** What tells the message from all others of all installations, and is the same however often it comes. No dot stands in it. */
  readonly admissionId: string;
  /** As the device sent it to the edge. */
  readonly clientId: string;
  readonly format: "json" | "tb-json";
  readonly qos: 0 | 1 | 2;
  readonly dup: boolean;
  /** Null where there was none. */
  readonly packetId: string | null;
  /** Where its trace goes on, when the edge has sampled it. */
  readonly trace: IncomingTrace | null;
}

/** The headers of the edge's record that the upstream needs to decide as the edge does. */
const FORWARDED_HEADERS = [
  HEADER.admissionId,
  HEADER.clientId,
  HEADER.principal,
  HEADER.format,
  HEADER.qos,
  HEADER.dup,
  HEADER.packetId,
  HEADER.traceparent,
] as const;

/** Of a client id with a field gateway in front, at most. */
const CLIENT_CHARACTERS = 2 * LIMITS.idCharactersMax + 1;

/** The record as it goes into an envelope. `origin`: the text of its `fwd` header. */
export function forwardedRecord(record: LogRecord, origin: string): RecordInput {
  const { key, value, timestamp } = record;
  const headers = FORWARDED_HEADERS.flatMap((name) => {
    const text = record.header(name);
    return text === undefined ? [] : [[name, text] as const];
  });
  return { key, value, timestamp, headers: [[HEADER.forwarded, origin], ...headers] };
}

/** An envelope is a record batch, compressed where that makes it smaller: what Kafka would be sent. */
export function compressForwardBatch(batch: Buffer): Buffer {
  return compressRecordBatch(batch, "zstd");
}

/** The messages of an envelope, in order; BATCH_CORRUPT, BATCH_TOO_LARGE or BATCH_UNSUPPORTED when it is none that an edge makes. */
export function decodeForwardBatch(bytes: Buffer): readonly ForwardedMessage[] {
  const isCounted = bytes.length >= BATCH.records;
  if (isCounted && bytes.readInt32BE(BATCH.recordCount) > LIMITS.forwardBatchRecordsMax) {
    throw new MillraceError("BATCH_TOO_LARGE", `an envelope holds more than ${LIMITS.forwardBatchRecordsMax} messages`);
  }
  return decodeRecordBatch(bytes, LIMITS.forwardExpandedBytesMax).records.map(forwardedMessage);
}

/** The message that a record of an envelope is; BATCH_CORRUPT or BATCH_TOO_LARGE when it is none that an edge forwards. */
export function forwardedMessage(record: LogRecord): ForwardedMessage {
  const origin = record.header(HEADER.forwarded) ?? "";
  const parsed = parseForwardedOrigin(origin);
  if (parsed === null) throw new MillraceError("BATCH_CORRUPT", "a forwarded message does not say where it comes from");
  const device = record.key === null ? null : (parseDeviceKey(record.key)?.device ?? null);
  const { installation, generation, partition, offset } = parsed;
  const own = record.header(HEADER.admissionId) ?? `at.${generation}.${partition}.${offset}`;
  // Ids of one gateway are compared by the number behind the last dot; what comes again does not come in order.
  const admissionId = `${installation}/${own.replaceAll(".", "/")}`;
  if (admissionId.length > LIMITS.forwardAdmissionIdCharactersMax) {
    throw new MillraceError("BATCH_CORRUPT", "a forwarded message has an admission id that is too long");
  }
  const { buffer, byteOffset, length } = record.value;
  if (length > LIMITS.forwardPayloadBytesMax) {
    throw new MillraceError(
      "BATCH_TOO_LARGE",
      `a forwarded message is larger than ${LIMITS.forwardPayloadBytesMax} bytes`,
    );
  }
  return {
    device,
    payload: Buffer.from(buffer, byteOffset, length),
    origin,
    admissionId,
    clientId: clientOf(record, device),
    format: record.header(HEADER.format) === "tb-json" ? "tb-json" : "json",
    qos: qosOf(record.header(HEADER.qos)),
    dup: record.header(HEADER.dup) === "1",
    packetId: packetIdOf(record.header(HEADER.packetId)),
    trace: parseTraceparent(record.header(HEADER.traceparent) ?? ""),
  };
}

/** Client ids are a credential's own, and upstream all have the edge's credential: that of the field gateway stands in front. */
function clientOf(record: LogRecord, device: string | null): string {
  const client = record.header(HEADER.clientId) ?? "";
  const principal = record.header(HEADER.principal)?.replace(/^device:/, "") ?? device;
  return (principal === device ? client : `${principal}/${client}`).slice(0, CLIENT_CHARACTERS);
}

function qosOf(text: string | undefined): 0 | 1 | 2 {
  return text === "2" ? 2 : text === "1" ? 1 : 0;
}

function packetIdOf(text: string | undefined): string | null {
  return text !== undefined && /^\d{1,5}$/.test(text) ? text : null;
}

/** True for what `decodeForwardBatch` throws of a bad envelope. */
export function isBadEnvelope(error: unknown): boolean {
  return isMillraceError(error) && error.code.startsWith("BATCH_");
}
