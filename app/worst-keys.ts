import { addOutcomes, noOutcomes, settledMessages, type Outcomes } from "../core/ledger.ts";
import { greatest } from "./greatest.ts";

/** By key, `tenant/device`. */
export type KeyCounts = ReadonlyMap<string, Outcomes>;

/** Fewer messages than this say nothing about a share. */
const MESSAGES_MIN = 10;

/** Of those keys that begin so, the ones with the greatest share of messages that did not count, or came late. */
export function worstKeys(totals: KeyCounts, prefix: string, count: number): KeyCounts {
  return new Map(greatest(totals, count, ([key, one]) => (key.startsWith(prefix) ? rejectedShare(one) : 0)));
}

export function countsOf(totals: KeyCounts, keys: readonly string[]): KeyCounts {
  return new Map(
    keys.flatMap((key) => {
      const found = totals.get(key);
      return found === undefined ? [] : [[key, found] as const];
    }),
  );
}

/** What several threads have counted. */
export function sumOfKeys(all: readonly KeyCounts[]): KeyCounts {
  if (all.length === 1 && all[0] !== undefined) return all[0];
  const sums = new Map<string, Outcomes>();
  for (const counts of all) {
    for (const [key, one] of counts) {
      const sum = sums.get(key) ?? noOutcomes();
      addOutcomes(sum, one);
      sums.set(key, sum);
    }
  }
  return sums;
}

function rejectedShare(one: Outcomes): number {
  const messages = settledMessages(one);
  if (messages < MESSAGES_MIN) return 0;
  const late = Math.min(one.lateDropped + one.lateForAlarm, messages);
  return (one.duplicate + one.quarantined + one.deadLettered + late) / messages;
}
