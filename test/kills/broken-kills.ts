import { runBroken } from "../support/broken-run.ts";
import { BREAKS, type BrokenName } from "./breaks.ts";
import type { KillFigures, KillOptions } from "./kill-rounds.ts";

/** Runs the rounds in a broken copy of the source. Resolves with what they have found; rejects when they came to no verdict. */
export function runBrokenKills(name: BrokenName, { rounds, seed, devices, say }: KillOptions): Promise<KillFigures> {
  const args = ["--rounds", String(rounds), "--seed", seed, "--devices", String(devices)];
  return runBroken(BREAKS[name], "test/kills/run.ts", args, say);
}
