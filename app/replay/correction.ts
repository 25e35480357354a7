import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Aggregate, Reading } from "../../core/derived-records.ts";

/** A result whose record is to be corrected. */
export interface Correction {
  readonly kind: "changed" | "added" | "withdrawn";
  readonly topic: "readings" | "aggregates";
  readonly key: string;
  /** Of the record that it was made of, in the topic that its stage reads. */
  readonly offset: number;
  readonly value: Reading | Aggregate;
  /** Source position of the reading whose place it takes; null where nothing is stored, and of windows, which are known by what they are. */
  readonly replaces: string | null;
}

/** LIMIT_EXCEEDED. */
export function checkDifferences(count: number, max: number = LIMITS.replayDifferencesMax): void {
  if (count <= max) return;
  throw new MillraceError("LIMIT_EXCEEDED", `more than ${max} results of one partition differ from what is stored`, {
    remedy: "Replay shorter ranges one after the other, with --from and --to.",
  });
}
