import { QUARANTINE_REASONS, type QuarantineReason } from "../../core/derived-records.ts";
import { HEADER, type LogRecord } from "../../core/record.ts";
import { gatewayEntryName } from "../../wire/gateway-payload.ts";
import { decodeTelemetryPayload, type DecodedPayload } from "../../wire/telemetry-payload.ts";

const SHOWN_CHARACTERS = 130;
const DEVICE_TOPIC = /^millrace\/[^/]+\/([^/]+)\/telemetry$/;

/** The payload of a message; of what the edge has refused of a gateway's message, nothing but why. */
export function decodeMessage(record: LogRecord): DecodedPayload {
  const refused = record.header(HEADER.refused);
  if (refused === undefined) return decodeTelemetryPayload(record.value);
  const reason = QUARANTINE_REASONS.find((known) => known === refused) ?? "bad-shape";
  return { readings: [], faults: [{ reason, detail: detailOf(reason, record) }] };
}

function detailOf(reason: QuarantineReason, record: LogRecord): string {
  switch (reason) {
    case "bad-device":
      return `${nameOf(record)} is no device id`;
    case "foreign-device":
      return `the gateway may not publish for ${nameOf(record)}`;
    case "too-many-devices":
      return "the message names too many devices";
    default:
      return "the message is no object of device names, each with its telemetry";
  }
}

function nameOf(record: LogRecord): string {
  const ofTopic = DEVICE_TOPIC.exec(record.header(HEADER.mqttTopic) ?? "")?.[1];
  const name = ofTopic ?? gatewayEntryName(record.value);
  return name === null ? "the name" : JSON.stringify(name.slice(0, SHOWN_CHARACTERS).toWellFormed());
}
