import { HEADER, type LogRecord } from "../../core/record.ts";
import { parseForwardedOrigin } from "../../core/forwarded-origin.ts";
import { checkEventTime, type Refusal } from "./check-values.ts";

/** What times a message has besides those that the device gave it. */
export interface MessageTimes {
  /** Of readings without one of their own, UTC ms; or why there can be none. */
  readonly eventTime: number | Refusal;
  /** When the device's times are looked at, UTC ms: no later than the message came in. */
  readonly judgedAt: number;
}

/**
 * A message that an edge installation has forwarded counts as of when it came in there, so that days without a link neither shift readings nor
 * change what is believed of their times. The edge's clock is believed as a device's is.
 */
export function messageTimes(record: LogRecord, receiveTime: number): MessageTimes {
  const text = record.header(HEADER.forwarded);
  const origin = text === undefined ? null : parseForwardedOrigin(text);
  if (origin === null) return { eventTime: receiveTime, judgedAt: receiveTime };
  return {
    eventTime: checkEventTime(origin.received, receiveTime),
    judgedAt: Math.min(origin.received, receiveTime),
  };
}
