import { runBroken } from "../support/broken-run.ts";
import { BREAKS, type BrokenName } from "./breaks.ts";
import type { FunctionKillsFigures, FunctionKillsOptions } from "./function-kills.ts";

/** Runs the rounds in a broken copy of the source. Resolves with what they have found; rejects when they came to no verdict. */
export function runBrokenFunctionKills(
  name: BrokenName,
  { rounds, seed, devices, say }: FunctionKillsOptions,
): Promise<FunctionKillsFigures> {
  const args = ["--rounds", String(rounds), "--seed", seed, "--devices", String(devices)];
  return runBroken(BREAKS[name], "test/function-kills/run.ts", args, say);
}
