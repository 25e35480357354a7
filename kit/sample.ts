import { z } from "zod";
import { deviceTypeSchema } from "../core/device-type.ts";
import { MillraceError } from "../core/errors.ts";
import { idSchema, labelsSchema, metricNameSchema, metricValueSchema, timeSchema } from "../core/schemas.ts";

/** A time: UTC ms, or ISO 8601 with a zone, such as `2026-01-31T12:00:00Z`. */
const timeInput = z.union([timeSchema, z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]);

const readingEntry = z.strictObject({
  ts: timeInput,
  /** When it came in; without it at its event time, or when the entry before it came in, if that was later. */
  received: timeInput.optional(),
  device: idSchema.optional(),
  tenant: idSchema.optional(),
  metrics: z.record(metricNameSchema, metricValueSchema),
});
/** Time goes by without a reading: what silence makes due fires, as it does where a tick comes. */
const tickEntry = z.strictObject({ tick: timeInput });
/** Every device's watermark moves to this event time: its windows up to there close. */
const flushEntry = z.strictObject({ flush: timeInput });
/** A device type, as `millrace apply` takes it. */
const typeEntry = z.strictObject({ deviceType: deviceTypeSchema.omit({ tenant: true }), tenant: idSchema.optional() });
/** What type and labels a device has from here on, or that it is disabled or removed. */
const configureEntry = z.strictObject({
  configure: idSchema,
  tenant: idSchema.optional(),
  type: idSchema.nullable().optional(),
  labels: labelsSchema.optional(),
  disabled: z.boolean().optional(),
  removed: z.boolean().optional(),
});

const ENTRY_SCHEMAS = {
  metrics: readingEntry,
  tick: tickEntry,
  flush: flushEntry,
  deviceType: typeEntry,
  configure: configureEntry,
} as const;
type EntryKey = keyof typeof ENTRY_SCHEMAS;

/** What a test gives a function: readings, and what else happens between them. A fixture file has one per line, as JSON. */
export type SampleEntry = z.input<(typeof ENTRY_SCHEMAS)[EntryKey]>;
/** The same, checked, with times in ms. */
export type CheckedEntry = z.output<(typeof ENTRY_SCHEMAS)[EntryKey]>;

/** INVALID_INPUT, naming the entry as `placeOf` does. */
export function checkSample(
  entries: readonly unknown[],
  placeOf = (index: number) => `entry ${index + 1}`,
): readonly CheckedEntry[] {
  return entries.map((entry, index) => checkEntry(entry, () => placeOf(index)));
}

/** Reads a fixture's text: one entry per line, blank lines aside. INVALID_INPUT, naming the line. */
export function parseSample(text: string): readonly CheckedEntry[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const place = () => `line ${index + 1}`;
    return [checkEntry(parseLine(line, place), place)];
  });
}

function parseLine(line: string, place: () => string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw invalid(`${place()} is no JSON: ${line.slice(0, 80)}`, cause);
  }
}

function checkEntry(entry: unknown, place: () => string): CheckedEntry {
  const key = Object.keys(ENTRY_SCHEMAS).find((name) => typeof entry === "object" && entry !== null && name in entry);
  if (!isEntryKey(key)) {
    throw invalid(`${place()} is neither a reading (with "metrics") nor a tick, flush, deviceType or configure`);
  }
  const { data, error } = ENTRY_SCHEMAS[key].safeParse(entry);
  if (data !== undefined) return data;
  throw invalid(`${place()}: ${z.prettifyError(error).replaceAll("\n", " ")}`);
}

function isEntryKey(key: string | undefined): key is EntryKey {
  return key !== undefined && Object.hasOwn(ENTRY_SCHEMAS, key);
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError("INVALID_INPUT", message, {
    cause,
    remedy: 'Write readings as {"ts": 1767225600000, "device": "room-1", "metrics": {"temperature": 4.2}}.',
  });
}
