/** A header as Kafka has them: a name and text (UTF-8). */
export type Header = readonly [name: string, value: string];

/**
 * A record to be appended. `timestamp` is UTC ms: the receive time on `telemetry`, the input's receive time on derived topics.
 * `key` is `tenant/device` (see ids.ts), or null for control records that concern the whole partition.
 * The log copies `value` before `append` returns its promise; the caller may reuse the bytes after that.
 */
export interface RecordInput {
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly headers: readonly Header[];
  /** Present when value and headers lie in bytes already: the log copies them from there, and does not ask for the two. */
  readonly encoded?: EncodedParts;
}

/** Value and headers as record batches have them, one behind the other: the value from `valueStart`, then the headers, behind their number. */
export interface EncodedParts {
  readonly bytes: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headersEnd: number;
}

/**
 * A record whose key and headers are encoded as a record batch has them, for those who append thousands that differ in little. The log copies
 * all of it before the call returns: one object may serve for many records.
 */
export interface PackedRecord {
  /** UTC ms. */
  readonly timestamp: number;
  /** The key behind its length. */
  readonly key: Buffer;
  /** The value is bytes [valueStart, valueEnd) of this. */
  readonly source: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** The number of headers and the headers: the first `headersLength` bytes of this. */
  readonly headers: Buffer;
  readonly headersLength: number;
}

/** A record as read. `value` is a view into the batch: valid as long as the caller holds it, never to be written to. */
export interface LogRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: Uint8Array;
  /** Where value and headers stand, if they stand side by side: for those who look at a value without having a view of it made. */
  readonly encoded?: EncodedParts;
  /** The first header of that name. Headers are parsed on demand. */
  header(name: string): string | undefined;
  headers(): readonly Header[];
}

/** Header names. Short, because every record carries them. `docs/message-formats.md` describes each. */
export const HEADER = {
  /** The MQTT topic to which it was published; of what came over HTTP the device's own telemetry topic. */
  mqttTopic: "topic",
  /** 0 or 1, as published; 1 over HTTP. */
  qos: "qos",
  /** 1 when the device says that it sends again, else 0. */
  dup: "dup",
  /** MQTT packet id; absent with QoS 0 and for wills. */
  packetId: "pid",
  /** The client id of the connection, made by the edge when the device sent none; `http` of what came over HTTP. */
  clientId: "client",
  /** Whose credential it was: `device:` and the device's id. Another one than the key's when a gateway published for the device. */
  principal: "principal",
  /** What the payload is: `json` (Millrace's own) or `tb-json` (ThingsBoard's). */
  format: "format",
  /** gateway.epoch.sequence, unique for every admitted message, with slashes where it may be appended again (QoS 2 in a kept session); of one with an Idempotency-Key a hash of device and key, the same for each repetition; of a forwarded one the edge's installation and its id there. */
  admissionId: "adm",
  /** Of what a gateway published, the part that is not admitted for a device: why. It lies under the gateway's own key, and goes to `quarantine`. */
  refused: "refused",
  /** Of what an edge installation has forwarded: installation, generation, partition, offset, and when it was received there (UTC ms), blank separated. */
  forwarded: "fwd",
  /** Of a sampled message, and of what stages make of it: where its trace goes on (W3C Trace Context). No stage's results depend on it. */
  traceparent: "traceparent",
  /** Present on control records only: which kind it is. */
  controlKind: "kind",
  /** Source position of a derived record, blank separated: stage, topic, partition, generation, offset, step, index. */
  source: "src",
  /** Of a correction: the source position of the record whose place it takes. See `revision` of a reading. */
  replaces: "rep",
  /** name@version of the function that made a derived record. */
  functionVersion: "fn",
} as const;

export function isControlRecord(record: Pick<LogRecord, "header">): boolean {
  return record.header(HEADER.controlKind) !== undefined;
}
