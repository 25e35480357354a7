import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import { isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { shortStack, shortText } from "../functions/short-error.ts";
import { giveWay } from "./give-way.ts";
import { keptByLoading } from "./kept-by-loading.ts";
import type { StageFunction } from "../../core/function.ts";
import { isJoin } from "../../kit/function-stages.ts";
import { requireKeepable } from "../../kit/kept-schema.ts";
import { requireKnownOptions } from "../../kit/unknown-options.ts";
import { userDetailsOf } from "../../kit/user-function.ts";
import type { FunctionCheckAnswer, FunctionOutline } from "../functions/check-answer.ts";

export interface FunctionCheckData {
  readonly code: string;
}

function check({ code }: FunctionCheckData): FunctionCheckAnswer {
  try {
    const loaded = loadFunctions(code);
    requireKnownOptions(loaded);
    requireKeepable(loaded);
    const functions = loaded.map(outlineOf);
    return { functions, keptBytes: keptByLoading(() => loadFunctions(code)) };
  } catch (error) {
    if (!isMillraceError(error, "FUNCTION_INVALID")) throw error;
    const remedy = (error.remedy ?? "").slice(0, LIMITS.deadLetterErrorCharactersMax);
    return { message: shortText(error), remedy, stack: shortStack(error.cause ?? error) };
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

giveWay();
// First that it begins: its time counts from here. When that is told: code that ends the process at once must not be taken for one that did not run.
const told = new Promise((resolve) => parentPort?.once("message", resolve));
parentPort?.postMessage(null);
await told;
const answer = check(workerData as FunctionCheckData);
// After what the code has left behind for later, such as a promise that is rejected: that would end a thread of functions too.
setImmediate(() => parentPort?.postMessage(answer));
