/**
 * Where the state of keys lies that have not been used for a while, so that a partition may keep more than memory holds. None of it need
 * survive the process: it is in the journal too.
 */
export interface ColdState {
  /** About how many bytes of memory the keys of a partition may take before some are put away. May differ from call to call. */
  bytesMax(): number;
  /** In place of what was put under the same keys before. False when nothing of it could be: it stays in memory. */
  put(entries: readonly ColdEntry[]): boolean;
  /** What was put last under this key. STATE_INVALID when it cannot be read: the journal has it still. */
  get(key: string): string;
}

export interface ColdEntry {
  readonly key: string;
  readonly text: string;
}

/** A key's functions, each with its slots and timers as the journal has them: names and JSON texts. */
export type ColdFunctions = readonly (readonly [
  fn: string,
  slots: readonly (readonly [name: string, value: string])[],
])[];

export function coldText(functions: ColdFunctions): string {
  return JSON.stringify(functions);
}

/** The inverse of `coldText`. */
export function readColdText(text: string): ColdFunctions {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new TypeError("what was put away of a key is not what was written");
  return value;
}
