import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CorruptRange } from "./log-reader.ts";

/**
 * Keeps the bytes of damaged batches beside the log, `quarantine/<topic>-<partition>-<offset>.batch`, for whoever looks into it. True
 * the first time that a range is reported, by whichever reader in whichever thread: the file exists from then on.
 */
export function quarantineRange(directory: string, range: CorruptRange): boolean {
  const folder = join(directory, "quarantine");
  mkdirSync(folder, { recursive: true });
  try {
    const name = `${range.topic}-${range.partition}-${range.fromOffset}.batch`;
    writeFileSync(join(folder, name), range.bytes ?? new Uint8Array(0), { flag: "wx" });
    return true;
  } catch (error) {
    // EEXIST: known already. Anything else: the copy is lost, but the range must be reported all the same.
    return !(error instanceof Error && "code" in error && error.code === "EEXIST");
  }
}
