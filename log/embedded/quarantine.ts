import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CorruptRange } from "./log-reader.ts";

/**
 * Keeps the bytes of damaged batches beside the log, `quarantine/<topic>-<partition>-<offset>.batch`, for whoever looks into it. True
 * the first time that a range is reported, by whichever reader in whichever thread: the file exists from then on.
 */
export function quarantineRange(directory: string, range: CorruptRange): boolean {
  return keep(directory, `${range.topic}-${range.partition}-${range.fromOffset}.batch`, range.bytes);
}

export interface DamagedEntry {
  readonly name: string;
  readonly partition: number;
  readonly entry: number;
  readonly bytes: Uint8Array | null;
}

/** The same for a journal's entry, `quarantine/<journal>-<partition>-<entry>.entry`: not every disk takes the colon of a journal's name. */
export function quarantineEntry(directory: string, { name, partition, entry, bytes }: DamagedEntry): boolean {
  return keep(directory, `${name.replaceAll(":", "-")}-${partition}-${entry}.entry`, bytes);
}

function keep(directory: string, name: string, bytes: Uint8Array | null): boolean {
  const folder = join(directory, "quarantine");
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), bytes ?? new Uint8Array(0), { flag: "wx" });
    return true;
  } catch (error) {
    // EEXIST: known already. Anything else: the copy is lost, but the damage must be reported all the same.
    return !(error instanceof Error && "code" in error && error.code === "EEXIST");
  }
}
