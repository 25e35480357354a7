import type { Clock } from "../core/clock.ts";
import type { LogAppender } from "../core/event-log.ts";
import type { Metrics } from "../core/metrics.ts";
import { type Header, HEADER } from "../core/record.ts";
import type { TelemetryFormat } from "./topic-acl.ts";

const QOS_0: Header = [HEADER.qos, "0"];
const QOS_1: Header = [HEADER.qos, "1"];
const NOT_DUP: Header = [HEADER.dup, "0"];
const DUP: Header = [HEADER.dup, "1"];

/** What all messages of one connection and topic share, made once. */
export interface MessageOrigin {
  readonly key: string;
  readonly partition: number;
  readonly topic: Header;
  readonly client: Header;
  readonly principal: Header;
  readonly format: Header;
}

interface AdmittedMessage {
  readonly qos: number;
  readonly dup: boolean;
  /** Absent with QoS 0 and for wills. */
  readonly packetId: number | undefined;
  readonly payload: Uint8Array;
  /** Of a message that may come again and then counts once: the same for each repetition. Absent: a new one. */
  readonly admissionId?: string;
}

export interface Admission {
  /** Resolves when the message is durable; rejects when it is not, and then nobody may acknowledge it. */
  admit(origin: MessageOrigin, message: AdmittedMessage): Promise<void>;
  /** The newest receive time per key since the last call. */
  drainLastSeen(): ReadonlyMap<string, number>;
}

export interface AdmissionOptions {
  readonly appender: LogAppender;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly gatewayId: string;
  /** Grows with every start of this gateway, so that admission ids never repeat. */
  readonly epoch: number;
}

export function messageOrigin(
  device: { readonly key: string; readonly partition: number; readonly id: string },
  topic: string,
  clientId: string,
  format: TelemetryFormat,
): MessageOrigin {
  return {
    key: device.key,
    partition: device.partition,
    topic: [HEADER.mqttTopic, topic],
    client: [HEADER.clientId, clientId],
    principal: [HEADER.principal, `device:${device.id}`],
    format: [HEADER.format, format],
  };
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { appender, clock } = options;
  const idPrefix = `${options.gatewayId}.${options.epoch}.`;
  const admitted = options.metrics.counter("millrace_mqtt_admitted_total", "Messages that are durable in the log.");
  const bytes = options.metrics.counter("millrace_mqtt_admitted_bytes_total", "Payload bytes of admitted messages.");
  const failed = options.metrics.counter("millrace_mqtt_append_failed_total", "Messages that the log did not take.");
  let sequence = 0;
  let lastSeen = new Map<string, number>();

  return {
    async admit(origin, message) {
      const timestamp = clock.now();
      const id: Header = [HEADER.admissionId, message.admissionId ?? idPrefix + ++sequence];
      const record = { timestamp, key: origin.key, value: message.payload, headers: headersOf(origin, message, id) };
      try {
        await appender.append("telemetry", origin.partition, [record]);
      } catch (error) {
        failed.add();
        throw error;
      }
      admitted.add();
      bytes.add(message.payload.length);
      lastSeen.set(origin.key, timestamp);
    },
    drainLastSeen() {
      const drained = lastSeen;
      lastSeen = new Map();
      return drained;
    },
  };
}

function headersOf(origin: MessageOrigin, message: AdmittedMessage, id: Header): readonly Header[] {
  const qos = message.qos === 0 ? QOS_0 : QOS_1;
  const dup = message.dup ? DUP : NOT_DUP;
  const { topic, client, principal, format } = origin;
  if (message.packetId === undefined) return [topic, qos, dup, client, principal, format, id];
  return [topic, qos, dup, [HEADER.packetId, String(message.packetId)], client, principal, format, id];
}
