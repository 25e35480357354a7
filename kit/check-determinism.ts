import { makerOf, outputText, runRecords, type RecordsRun } from "./run-records.ts";
import type { StageFunction } from "../core/function.ts";
import type { LogRecord } from "../core/record.ts";
import type { KeptSlot } from "./function-stages.ts";

/** More restarts than this show nothing new, and each one copies the whole state. */
const RESTORES = 300;

/** What is wrong, with the function's name. */
export interface Difference {
  readonly function: string;
  readonly text: string;
}

/**
 * Runs the records again, and once more with a restart between records, and says how that differs from the run before; null when every
 * byte of outputs and state is equal.
 */
export function findDifference(
  records: readonly LogRecord[],
  functions: readonly StageFunction[],
  first: RecordsRun,
): Difference | null {
  const again = compareRuns(first, runRecords(records, functions), "run a second time over the same records");
  if (again !== null) return again;
  const every = Math.max(1, Math.ceil(records.length / RESTORES));
  return compareRuns(first, runRecords(records, functions, every), "restarted between two records");
}

function compareRuns(first: RecordsRun, other: RecordsRun, how: string): Difference | null {
  const count = Math.max(first.outputs.length, other.outputs.length);
  for (let index = 0; index < count; index += 1) {
    const [a, b] = [first.outputs[index], other.outputs[index]];
    const [was, is] = [a === undefined ? "nothing" : outputText(a), b === undefined ? "nothing" : outputText(b)];
    const maker = a ?? b;
    if (was === is || maker === undefined) continue;
    return { function: makerOf(maker), text: `${how}, its output ${index + 1} was\n  ${was}\nand is\n  ${is}` };
  }
  const slots = new Map(other.slots.map((slot) => [slotId(slot), slot.value]));
  for (const slot of first.slots) {
    const is = slots.get(slotId(slot)) ?? "nothing";
    slots.delete(slotId(slot));
    const text = `${how}, its state ${slot.name} of ${slot.key} was\n  ${slot.value}\nand is\n  ${is}`;
    if (slot.value !== is) return { function: slot.fn, text };
  }
  const [extra] = slots.keys();
  if (extra === undefined) return null;
  const [name = ""] = extra.split(" ");
  return { function: name, text: `${how}, it has state that it had not: ${extra}` };
}

function slotId({ stage, fn, key, name }: KeptSlot): string {
  return `${fn} ${stage} ${key} ${name}`;
}
