import { controlSchema } from "../../core/control.ts";
import { deviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { isControlRecord } from "../../core/record.ts";
import { KeptRecords } from "./kept-records.ts";
import { heldRange, readForward } from "./read-forward.ts";
import type { LogRecord } from "../../core/record.ts";
import type { FoundOutput } from "./find-output.ts";
import type { WhyLog } from "./read-forward.ts";

/**
 * What control records have said of types, rules and the device before this offset, as far back as the ceiling lets: the registry knows
 * only what holds now.
 */
export async function earlierControls(
  log: WhyLog,
  { source, key }: Pick<FoundOutput, "source" | "key">,
  { before, bytesMax }: { readonly before: number; readonly bytesMax: number },
): Promise<readonly LogRecord[]> {
  const range = await heldRange(log, source.topic, source.partition);
  const from = Math.max(range.start, before - LIMITS.whyRecordsMax);
  const kept = new KeptRecords(bytesMax);
  await readForward(log, range, { from, to: before }, (record) => {
    if (isControlRecord(record) && configures(record, key)) kept.add(record);
    return false;
  });
  return kept.records;
}

/** Stock functions read no tables, which may be large. */
function configures(record: LogRecord, key: string): boolean {
  const control = controlSchema.safeParse(parseJson(record.value)).data;
  switch (control?.kind) {
    case "device-type":
    case "alarm-rule":
    case "config-snapshot":
      return true;
    case "device":
      return deviceKey(control.device.tenant, control.device.id) === key;
    default:
      return false;
  }
}
