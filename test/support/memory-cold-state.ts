import type { ColdState } from "../../engine/cold-state.ts";

export interface MemoryColdState extends ColdState {
  /** How many keys were put away so far, and how many brought back. */
  readonly counts: { put: number; got: number };
}

/** Keys that are put away lie in a map, as text. */
export function memoryColdState(bytesMax: number): MemoryColdState {
  const texts = new Map<string, string>();
  const counts = { put: 0, got: 0 };
  return {
    counts,
    bytesMax: () => bytesMax,
    put(entries) {
      for (const { key, text } of entries) texts.set(key, text);
      counts.put += entries.length;
      return true;
    },
    get(key) {
      const text = texts.get(key);
      if (text === undefined) throw new Error(`nothing was put away of ${key}`);
      counts.got += 1;
      return text;
    },
  };
}
