import type { Clock } from "../core/clock.ts";
import type { AppendGroup, LogIntake } from "../core/event-log.ts";
import type { Metrics } from "../core/metrics.ts";
import type { PackedRecord } from "../core/record.ts";
import type { PackedHeaders } from "../wire/packed-headers.ts";
import { ADMISSION_NUMBER, type MessageOrigin, PACKET_ID_NUMBER } from "./message-origin.ts";
import type { PublishTracing } from "./publish-tracing.ts";

/** A message as the bytes of its packet have it. */
export interface MessageView {
  readonly qos: 0 | 1 | 2;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 0 where there is none: with QoS 0, and for wills. */
  readonly packetId: number;
  /** The payload is bytes [payloadStart, end) of this. */
  readonly source: Buffer;
  readonly payloadStart: number;
  readonly end: number;
}

/** Messages of one device that were taken into one group. */
export interface AdmittedRun {
  /** `tenant/device`. */
  readonly key: string;
  /** The gateway (`tenant/device`) that published them for the device, if one did. */
  readonly via: string | null;
  readonly messages: number;
  readonly bytes: number;
  /** Receive time of the newest, UTC ms. */
  readonly timestamp: number;
  /** The same of the newest that has landed: `landed` sets it. */
  seenAt: number;
  /** Its receive time is among those that are told next: `landed` sets it, and whoever tells them takes it back. */
  isNoted: boolean;
}

/** Where messages become records. */
export interface Admission {
  /** Of what arrives now, UTC ms. */
  now(): number;
  /**
   * For a message whose id has to be known before it is taken, and that may be appended again with it. The id has no dot: of those that have one a
   * stage takes it that they come once, in order, and does not look whether it has seen the later ones.
   */
  newAdmissionId(): string;
  /** Copies the message into the log's next group. Who took it tells `landed` or `failed` later. Throws what the log refuses it with. */
  take(origin: MessageOrigin, message: MessageView, timestamp: number): AppendGroup;
  landed(run: AdmittedRun): void;
  failed(messages: number): void;
  /** For a message that comes alone: resolves when it is durable; rejects when it is not, and then nobody may acknowledge it. */
  admit(origin: MessageOrigin, message: MessageView): Promise<void>;
  /**
   * The newest receive time of each key that was not told yet. Of more than `most` keys a part, `most` at least: those that wait longest, and
   * so many that a steady fleet is told in `LAST_SEEN_ROUNDS` calls.
   */
  drainLastSeen(most?: number): ReadonlyMap<string, number>;
}

export interface AdmissionOptions {
  readonly intake: LogIntake;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of admission ids, in front of the sequence number. */
  readonly admissionPrefix: string;
  /** Null: no message is traced. */
  readonly tracing: PublishTracing | null;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const NO_BYTES = Buffer.alloc(0);
/** Runs that are remembered until they are entered by key. */
const NOTED_RUNS = 4096;

/** However many devices report: none waits longer than that. */
const LAST_SEEN_ROUNDS = 5;

export function createAdmission({ intake, clock, metrics, admissionPrefix, tracing }: AdmissionOptions): Admission {
  const admitted = metrics.counter(
    "millrace_mqtt_admitted_total",
    "Messages that are durable in the log. Of a gateway's message each device's part is one.",
  );
  const admittedBytes = metrics.counter("millrace_mqtt_admitted_bytes_total", "Payload bytes of admitted messages.");
  const failures = metrics.counter("millrace_mqtt_append_failed_total", "Messages that the log did not take.");
  let sequence = 0;
  let lastSeen = new Map<string, number>();
  let noted: AdmittedRun[] = [];
  // The log copies it: one serves for all.
  const record: Writable<PackedRecord> = {
    timestamp: 0,
    key: NO_BYTES,
    source: NO_BYTES,
    valueStart: 0,
    valueEnd: 0,
    headers: NO_BYTES,
    headersLength: 0,
  };

  function take(origin: MessageOrigin, message: MessageView, timestamp: number): AppendGroup {
    const headers = origin.headers(message.qos, message.dup, message.packetId !== 0);
    headers.rewind();
    if (origin.isNumbered) {
      headers.number(ADMISSION_NUMBER, ++sequence);
      if (message.packetId !== 0) headers.number(PACKET_ID_NUMBER, message.packetId);
    }
    record.timestamp = timestamp;
    record.key = origin.packedKey;
    record.source = message.source;
    record.valueStart = message.payloadStart;
    record.valueEnd = message.end;
    record.headers = headers.bytes;
    record.headersLength = headers.length;
    if (tracing === null) return intake.take(origin.partition, record);
    return takeTraced(tracing, origin, message, headers);
  }

  /** The same of `record`, where some messages are traced. */
  function takeTraced(
    own: PublishTracing,
    origin: MessageOrigin,
    message: MessageView,
    headers: PackedHeaders,
  ): AppendGroup {
    const trace = own.begin(origin, message, record.timestamp, sequence);
    if (trace === null) return intake.take(origin.partition, record);
    record.headers = trace.headers(headers);
    record.headersLength = record.headers.length;
    try {
      const group = intake.take(origin.partition, record);
      group.wait(trace);
      return group;
    } catch (error) {
      trace.failed(error);
      throw error;
    }
  }

  function landed(run: AdmittedRun): void {
    admitted.add(run.messages);
    admittedBytes.add(run.bytes);
    run.seenAt = run.timestamp;
    if (run.isNoted) return;
    run.isNoted = true;
    if (noted.push(run) >= NOTED_RUNS) enterNoted();
  }

  /** Not with each message: a connection's run is the same again and again, and a look-up by key costs more than the rest of `landed`. */
  function enterNoted(): void {
    for (const run of noted) {
      run.isNoted = false;
      see(run.key, run.seenAt);
      if (run.via !== null) see(run.via, run.seenAt);
    }
    noted = [];
  }

  function see(key: string, timestamp: number): void {
    const seen = lastSeen.get(key);
    if (seen === undefined || seen < timestamp) lastSeen.set(key, timestamp);
  }

  return {
    now: () => clock.now(),
    newAdmissionId: () => `${admissionPrefix}${++sequence}`.replaceAll(".", "/"),
    take,
    landed,
    failed: (messages) => failures.add(messages),
    // Async, so that a refusal of the log rejects.
    async admit(origin, message) {
      const timestamp = clock.now();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      take(origin, message, timestamp).wait({ landed: resolve, failed: reject });
      try {
        await promise;
      } catch (error) {
        failures.add();
        throw error;
      }
      const { key, via } = origin;
      landed({
        key,
        via,
        messages: 1,
        bytes: message.end - message.payloadStart,
        timestamp,
        seenAt: 0,
        isNoted: false,
      });
    },
    drainLastSeen(most = Number.POSITIVE_INFINITY) {
      enterNoted();
      const due = Math.max(most, Math.ceil(lastSeen.size / LAST_SEEN_ROUNDS));
      if (lastSeen.size <= due) {
        const all = lastSeen;
        lastSeen = new Map();
        return all;
      }
      const drained = new Map<string, number>();
      for (const [key, timestamp] of lastSeen) {
        if (drained.size >= due) break;
        drained.set(key, timestamp);
        lastSeen.delete(key);
      }
      return drained;
    },
  };
}
