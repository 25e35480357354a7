import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { openHistory, thenClosed, type HistoryPlace } from "../functions/history/open-history.ts";
import { EXIT, counted } from "./output.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { DeviceConfiguration, ReadingHistory, TimeRange } from "../functions/history/reading-history.ts";
import type { SampleEntry } from "../../kit/sample.ts";

export interface RecordOptions extends HistoryPlace, TimeRange {
  /** All when there are none, and no type. */
  readonly devices: readonly string[];
  readonly type?: string;
}

/** `millrace record`: readings of the past as a fixture, one JSON per line. Types and devices come first. */
export async function recordCommand(options: RecordOptions): Promise<number> {
  const history = await openHistory(options, options.from);
  // Printing waits for whoever reads it, who may take for ever; an instance cannot start meanwhile where its log is open.
  const readings = await thenClosed(history, () => readSent(history, options));
  const devices = new Set(readings.map(({ device }) => device));
  for (const entry of [...configurationEntries(history.configuration, devices), ...readingEntries(readings)])
    console.log(JSON.stringify(entry));
  console.error(
    `millrace: ${counted(readings.length, "reading")} of ${counted(devices.size, "device")}, of ${history.place}.`,
  );
  if (readings.length > 0) return EXIT.ok;
  console.error("Nothing to record: see the devices' names with millrace devices list, or begin earlier with --from.");
  return EXIT.failed;
}

/** What the devices sent, in the order in which it came. */
async function readSent(history: ReadingHistory, options: RecordOptions): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  for await (const batch of history.read(options, chosenDevices(history, options))) {
    // What functions derived, they derive again.
    for (const { reading, maker } of batch) if (maker === null) readings.push(reading);
    if (readings.length <= LIMITS.recordedReadingsMax) continue;
    const text = `there are more than ${LIMITS.recordedReadingsMax} readings between --from and --to`;
    throw new MillraceError("INVALID_INPUT", text, { remedy: "Name devices with --device, or a shorter time." });
  }
  return readings.sort((a, b) => a.received - b.received);
}

/** Undefined when all are meant, also those that nobody has configured. */
function chosenDevices(
  { configuration, place }: ReadingHistory,
  { devices, type }: RecordOptions,
): ReadonlySet<string> | undefined {
  if (type === undefined) return devices.length === 0 ? undefined : new Set(devices);
  const ofType = configuration.devices.filter((device) => device.type === type).map(({ id }) => id);
  const chosen = devices.length === 0 ? ofType : ofType.filter((id) => devices.includes(id));
  if (chosen.length > 0) return new Set(chosen);
  throw new MillraceError("NOT_FOUND", `${place} knows no such device of the type ${type}`, {
    remedy: "See millrace devices list.",
  });
}

function configurationEntries(
  { types, devices }: DeviceConfiguration,
  recorded: ReadonlySet<string>,
): readonly SampleEntry[] {
  const chosen = devices.filter(({ id }) => recorded.has(id));
  const used = types.filter(({ id }) => chosen.some(({ type }) => type === id));
  return [
    ...used.map(({ tenant: _tenant, ...deviceType }) => ({ deviceType })),
    ...chosen.map(({ id, type, labels }) => ({ configure: id, type, labels })),
  ];
}

/** When a reading came in stands there only where it says something. */
function readingEntries(readings: readonly Reading[]): readonly SampleEntry[] {
  let last = 0;
  return readings.map(({ ts, received, device, metrics }) => {
    const expected = Math.max(last, ts);
    last = received;
    return { ts, ...(received === expected ? {} : { received }), device, metrics };
  });
}
