import type { LedgerEntry } from "./fleet.ts";
import type { LogContents } from "./log-contents.ts";

interface DeviceLedger {
  readonly id: string;
  /** By number. */
  readonly ledger: readonly LedgerEntry[];
}

/** Acknowledged messages that the log has not. */
export function countMissing({ admitted }: Pick<LogContents, "admitted">, devices: readonly DeviceLedger[]): number {
  let missing = 0;
  for (const { id, ledger } of devices) {
    const found = new Set(admitted.get(id));
    ledger.forEach(({ acknowledged }, n) => {
      if (acknowledged !== null && !found.has(n)) missing += 1;
    });
  }
  return missing;
}

/** A device sends in order, and again from the first that was not acknowledged. */
export function countDisordered({ admitted }: Pick<LogContents, "admitted">): number {
  let disordered = 0;
  for (const numbers of admitted.values()) {
    let newest = -1;
    for (const n of numbers) {
      if (n < newest) disordered += 1;
      newest = Math.max(newest, n);
    }
  }
  return disordered;
}

/** Messages that have no reading, or more than one; readings that no message has. */
export function countReadingsWrong({ admitted, readings }: Pick<LogContents, "admitted" | "readings">): number {
  const keys = new Set([...admitted].flatMap(([device, numbers]) => numbers.map((n) => `${device} ${n}`)));
  const without = [...keys].filter((key) => readings.get(key) !== 1).length;
  return without + [...readings.keys()].filter((key) => !keys.has(key)).length;
}
