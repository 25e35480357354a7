import { encodeAggregate } from "./aggregate-rows.ts";
import { encodeAlarm } from "./alarm-rows.ts";
import { encodeDeadLetter } from "./dead-letter-rows.ts";
import { encodeDeviceEvent } from "./device-event-rows.ts";
import { encodeQuarantined } from "./quarantine-rows.ts";
import { encodeReading } from "./reading-rows.ts";
import type { StoredTopic } from "../../../core/topics.ts";
import type { RowEncoder } from "./row-encoder.ts";

/** The topics that have tables, and who writes their rows. */
const ENCODERS = {
  readings: encodeReading,
  aggregates: encodeAggregate,
  alarms: encodeAlarm,
  quarantine: encodeQuarantined,
  "dead-letters": encodeDeadLetter,
  "device-events": encodeDeviceEvent,
} as const satisfies Record<StoredTopic, RowEncoder>;

const BY_TOPIC: ReadonlyMap<string, RowEncoder> = new Map(Object.entries(ENCODERS));

export const STORED_TOPICS: readonly string[] = [...BY_TOPIC.keys()];

export function encoderOfTopic(topic: string): RowEncoder | undefined {
  return BY_TOPIC.get(topic);
}
