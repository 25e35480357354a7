import { HEADER } from "../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { deploy, loadByWord as load, reading } from "./deployed-stage.ts";
import { runStage, type StageRun } from "./stage-run.ts";
import type { Slot } from "../../core/commit-unit.ts";
import type { LogRecord } from "../../core/record.ts";

export const WHOLE = 10_000;

/** Runs records through the stage of users' functions. */
export function runFunctions(records: readonly LogRecord[]): StageRun {
  return runStage(records, { stage: FUNCTIONS_STAGE, load });
}

/** State but for what is deployed. */
export function slotsOf({ state }: StageRun): readonly Slot[] {
  return [...state.snapshotChunks()].flatMap(({ slots }) => slots).filter(({ name }) => !name.startsWith("fn/"));
}

/** Whether a canary with this body takes the device, found by trying. */
export function isIn(device: string, body: string, share: number): boolean {
  const records = [deploy(0, "f", 1, "map"), deploy(1, "f", 1, "map", 1, [2, body, share]), reading(2, device, 1)];
  const [first] = runFunctions(records).outputs.get("readings") ?? [];
  return new Map(first?.headers).get(HEADER.functionVersion) === "f@2";
}
