import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { ConfigChange } from "../core/function.ts";
import type { LogRecord } from "../core/record.ts";
import type { FunctionCall } from "./function-call.ts";

export function applyInput(call: FunctionCall, value: LogRecord | Reading | Repartitioned): void {
  const { fn } = call.placed;
  if (fn.kind === "map") fn.process(value, call);
  else fn.onInput(value, call);
}

export function applyTimer(call: FunctionCall, name: string): void {
  const { fn } = call.placed;
  if (fn.kind === "stream") fn.onTimer?.(name, call.watermark, call);
}

export function applyConfig(call: FunctionCall, change: ConfigChange): void {
  const { fn } = call.placed;
  if (fn.kind === "stream") fn.onConfig?.(change, call);
}
