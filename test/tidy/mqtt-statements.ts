/**
 * The normative statements of MQTT 3.1.1 (OASIS standard of 29 October 2014, appendix B): of each clause, how many. `[MQTT-3.1.2-24]` is the
 * last of 3.1.2. The standard misprints two of them, as MQTT-3.1.2.7 and MQTT-3-8.3-4.
 */
const STATEMENTS_OF_CLAUSE: Readonly<Record<string, number>> = {
  "1.5.3": 3,
  "2.2.2": 2,
  "2.3.1": 7,
  "3.1.0": 2,
  "3.1.2": 24,
  "3.1.3": 11,
  "3.1.4": 5,
  "3.2.0": 1,
  "3.2.2": 6,
  "3.3.1": 12,
  "3.3.2": 3,
  "3.3.4": 1,
  "3.3.5": 2,
  "3.6.1": 1,
  "3.8.1": 1,
  "3.8.3": 4,
  "3.8.4": 6,
  "3.9.3": 2,
  "3.10.1": 1,
  "3.10.3": 2,
  "3.10.4": 6,
  "3.12.4": 1,
  "3.14.1": 1,
  "3.14.4": 3,
  "4.1.0": 2,
  "4.3.1": 1,
  "4.3.2": 2,
  "4.3.3": 2,
  "4.4.0": 1,
  "4.5.0": 2,
  "4.6.0": 6,
  "4.7.1": 3,
  "4.7.2": 1,
  "4.7.3": 4,
  "4.8.0": 2,
  "6.0.0": 4,
  "7.0.0": 2,
  "7.1.1": 1,
  "7.1.2": 1,
};

/** `3.1.2-24` and so on, in the standard's order. */
export const MQTT_STATEMENTS: readonly string[] = Object.entries(STATEMENTS_OF_CLAUSE).flatMap(([clause, count]) =>
  Array.from({ length: count }, (_, index) => `${clause}-${index + 1}`),
);
