import type { CheckedEntry } from "../../kit/sample.ts";
import type { RecordTrace } from "../functions/function-trace.ts";

/** A file of functions, bundled. */
export interface TracedFile {
  readonly entry: string;
  readonly code: string;
  readonly sourceMap: string;
}

/** The thread in which `millrace dev` runs functions: one that does not come to an end is ended with it. */
export type FunctionTraceApi = {
  /** Runs the functions of a file over a sample. FUNCTION_INVALID when the file cannot be loaded. */
  run(file: TracedFile, entries: readonly CheckedEntry[]): readonly RecordTrace[];
  /** Begins anew with these files, for entries that come one by one. */
  follow(files: readonly TracedFile[]): void;
  next(entries: readonly CheckedEntry[]): readonly RecordTrace[];
};
