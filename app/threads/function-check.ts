import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import type { StageFunction } from "../../core/function.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { userDetailsOf } from "../../kit/user-function.ts";
import type { FunctionKind, FunctionState } from "../../core/function-store.ts";

/** What is to be known of a function without running it. */
export interface FunctionOutline {
  readonly name: string;
  readonly kind: FunctionKind;
  /** The version and shape (JSON Schema and window, as text) of what it keeps; null of a function that keeps nothing. */
  readonly state: FunctionState | null;
}

export interface FunctionCheckData {
  readonly code: string;
}

/** What the thread says before it ends: `stack` is of what the code has thrown. */
export type FunctionCheckAnswer =
  | { readonly functions: readonly FunctionOutline[] }
  | { readonly message: string; readonly remedy: string; readonly stack: string };

function check({ code }: FunctionCheckData): FunctionCheckAnswer {
  try {
    return { functions: loadFunctions(code).map(outlineOf) };
  } catch (error) {
    if (!isMillraceError(error, "FUNCTION_INVALID")) throw error;
    const stack = error.cause instanceof Error ? (error.cause.stack ?? "") : "";
    return { message: errorText(error), remedy: error.remedy ?? "", stack };
  }
}

function outlineOf(fn: StageFunction): FunctionOutline {
  const kept = userDetailsOf(fn)?.state ?? null;
  const kind = isJoin(fn) ? "join" : fn.kind;
  if (kept === null) return { name: fn.name, kind, state: null };
  const schema = z.toJSONSchema(kept.schema, { unrepresentable: "any" });
  const shape = JSON.stringify({ schema, window: kept.window });
  return { name: fn.name, kind, state: { version: kept.version, shape } };
}

// First that it begins: its time counts from here.
parentPort?.postMessage(null);
parentPort?.postMessage(check(workerData as FunctionCheckData));
