import { LIMITS } from "../../core/limits.ts";
import { defineStream } from "../../core/function.ts";
import { emitWritten } from "../../engine/function-call.ts";
import { WrittenReading } from "../../wire/written-reading.ts";
import { canAllStand, checkEventTime, checkMetricValue, isMetricValue } from "./check-values.ts";
import { isDuplicate, seenSchema } from "./deduplicate.ts";
import { messageTimes, type MessageTimes } from "./message-times.ts";
import { decodeMessage } from "./refused-part.ts";
import type { Quarantined, Reading } from "../../core/derived-records.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { StreamContext } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { PayloadReading } from "../../wire/telemetry-payload.ts";
import type { Refusal } from "./check-values.ts";
import type { Seen } from "./deduplicate.ts";

type Context = StreamContext<Seen>;

/**
 * Messages to readings: decodes the payload, drops resends, checks times, names, kinds and ranges by the device's type. What cannot
 * become a reading goes to `quarantine` with the reason, value by value; a message counts as quarantined only if nothing of it is left.
 */
export const clean = defineStream<"telemetry", Seen>({
  name: "clean",
  version: 1,
  input: "telemetry",
  outputs: ["readings", "quarantine"],
  state: seenSchema,
  onInput: cleanMessage,
});

function cleanMessage(record: LogRecord, context: Context): void {
  if (!context.config.isAccepted(context.tenant, context.device)) {
    const refusal = { reason: "unknown-device", detail: "the device is disabled or removed" } as const;
    quarantine(refusal, "", {}, context);
    context.count("quarantined");
    return;
  }
  const payload = decodeMessage(record);
  if (isDuplicate(record, payload, context)) {
    context.count("duplicate");
    return;
  }
  let survived = false;
  for (const { reason, detail, element } of payload.faults) {
    const text = element === undefined ? payloadText(record.value) : valueText(element);
    // What a removed device sends through a gateway is not kept either.
    quarantine({ reason, detail }, reason === "foreign-device" ? "" : text, {}, context);
  }
  const times = messageTimes(record, context.receiveTime);
  for (const reading of payload.readings) survived = cleanReading(reading, times, context) || survived;
  if (!survived) context.count("quarantined");
}

/** True when at least one value became a reading. */
function cleanReading(sent: PayloadReading, times: MessageTimes, context: Context): boolean {
  const { ts, values, count, written } = sent;
  const { tenant, device, receiveTime } = context;
  context.count("valuesProduced", count);
  const eventTime = timeOf(ts, count, times);
  if (typeof eventTime !== "number") {
    quarantine(eventTime, valueText({ ts, values }), {}, context);
    context.count("valuesQuarantined", count);
    return false;
  }
  const type = context.config.deviceType(tenant, device);
  const kept = written !== null && canAllStand(written.values, type) ? written : null;
  const metrics = kept === null ? cleanValues(sent, type, eventTime, context) : kept.values;
  if (metrics === null) return false;
  const reading: Reading =
    ts === undefined
      ? { v: 1, tenant, device, ts: eventTime, received: receiveTime, tsFromReceive: true, metrics }
      : { v: 1, tenant, device, ts: eventTime, received: receiveTime, metrics };
  // What came as it would be written need not be written anew.
  if (kept === null) context.emit("readings", reading);
  else emitWritten(context, "readings", writtenReading.of(reading, kept), reading);
  return true;
}

/** Each is written before the next. */
const writtenReading = new WrittenReading();

/** The event time of a reading of so many values, or why there can be none. */
function timeOf(ts: unknown, count: number, times: MessageTimes): number | Refusal {
  if (count > LIMITS.metricsPerReadingMax) {
    const detail = `the reading has ${count} values; ${LIMITS.metricsPerReadingMax} are allowed`;
    return { reason: "too-many-values", detail };
  }
  return ts === undefined ? times.eventTime : checkEventTime(ts, times.judgedAt);
}

/** The values that can stand; null when none can. Each of the others leaves a quarantine record. */
function cleanValues(
  { values, count }: PayloadReading,
  type: DeviceType,
  ts: number,
  context: Context,
): Reading["metrics"] | null {
  const metrics: Record<string, MetricValue> = {};
  let refused = 0;
  for (const metric of Object.keys(values)) {
    const value = values[metric];
    const refusal = checkMetricValue(metric, value, type);
    if (refusal === null && isMetricValue(value)) {
      metrics[metric] = value;
    } else if (refusal !== null) {
      refused += 1;
      quarantine(refusal, valueText(value), { metric, ts }, context);
    }
  }
  if (refused > 0) context.count("valuesQuarantined", refused);
  return refused === count ? null : metrics;
}

function quarantine(
  { reason, detail }: Refusal,
  payload: string,
  where: { readonly metric?: string; readonly ts?: number },
  context: Context,
): void {
  const { tenant, device, receiveTime } = context;
  const metric =
    where.metric === undefined
      ? {}
      : { metric: where.metric.slice(0, LIMITS.quarantineMetricCharactersMax).toWellFormed() };
  const ts = where.ts === undefined ? {} : { ts: where.ts };
  const record: Quarantined = {
    v: 1,
    tenant,
    device,
    reason,
    detail,
    ...metric,
    ...ts,
    received: receiveTime,
    payload,
  };
  context.emit("quarantine", record);
}

const lenientUtf8 = new TextDecoder("utf-8");

function payloadText(bytes: Uint8Array): string {
  return lenientUtf8.decode(bytes.subarray(0, LIMITS.quarantinePayloadBytesMax));
}

/** Bounded in depth by the decoder, so that stringify cannot overflow. */
function valueText(value: unknown): string {
  // JSON has no infinity, and a text needs no quotes.
  const text = typeof value === "string" ? value : typeof value === "number" ? `${value}` : JSON.stringify(value);
  return cutToBytes(text.toWellFormed(), LIMITS.quarantinePayloadBytesMax);
}

function cutToBytes(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  const bytes = Buffer.from(text);
  return bytes.length <= bytesMax ? text : lenientUtf8.decode(bytes.subarray(0, bytesMax));
}
