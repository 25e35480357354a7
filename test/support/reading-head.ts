import { deviceKey } from "../../core/ids.ts";
import { ReadingHead } from "../../wire/reading-head.ts";
import type { Reading } from "../../core/derived-records.ts";

/** The head of a reading as a stage writes it. Throws where it is not read. */
export function headOf(reading: Reading): ReadingHead {
  const head = new ReadingHead();
  const value = Buffer.from(JSON.stringify(reading));
  if (!head.read({ key: deviceKey(reading.tenant, reading.device), value }))
    throw new Error(`no reading: ${value.toString()}`);
  return head;
}
