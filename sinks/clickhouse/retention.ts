/**
 * How long tables keep rows, in days after their receive time (never the event time: a replay of old data must not vanish); null keeps
 * them for good. Readings, aggregates and alarms are the history that people come for.
 */
export const RETENTION_DAYS = {
  readings: null,
  aggregates: null,
  alarm_events: null,
  quarantine: 400,
  dead_letters: 400,
  device_events: 400,
} as const satisfies Record<string, number | null>;
