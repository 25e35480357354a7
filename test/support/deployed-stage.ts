import { z } from "zod";
import { defineMap, defineStream } from "../../core/function.ts";
import { HEADER } from "../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { T0 } from "./counting-stage.ts";
import { controlLogRecord, logRecord } from "./log-records.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";

/**
 * Stands for bundles, so that the engine is tested without one: `NAME BODY` exports a function NAME. What the bodies do: `map` doubles x,
 * `sum` adds x up, `texts` keeps sums as texts, `timer` tells of silence, `throws` cannot be loaded.
 */
export function loadByWord(code: string): readonly StageFunction[] {
  const [name = "", body = ""] = code.split(" ");
  if (body === "throws") throw new RangeError("it cannot be loaded");
  return body === "map" ? [mapFunction(name)] : [streamFunction(name, body)];
}

function mapFunction(name: string): StageFunction {
  return defineMap<"readings">({
    name,
    version: 0,
    input: "readings",
    outputs: ["readings"],
    process: (reading, context) => {
      const metrics = { twice: Number(reading.metrics["x"]) * 2 };
      context.emit("readings", { ...reading, metrics });
    },
  });
}

function streamFunction(name: string, body: string): StageFunction {
  const keepsText = body === "texts";
  const base = {
    name,
    version: 0,
    input: "readings",
    outputs: ["readings", "device-events"],
    state: keepsText ? z.string() : z.number(),
  } as const;
  const fn = defineStream<"readings", string | number>({
    ...base,
    outputs: ["readings", "device-events"],
    state: base.state,
    onInput(reading, context) {
      const sum = Number(context.state.get("sum") ?? 0) + Number(reading.metrics["x"]);
      context.state.set("sum", keepsText ? String(sum) : sum);
      if (body === "timer") context.timers.set("silence", reading.ts + 10_000);
      context.emit("readings", { ...reading, metrics: { sum } });
    },
    ...(body === "timer" && {
      onTimer(_timer, at, context) {
        const { tenant, device, receiveTime } = context;
        context.emit("device-events", { v: 1, tenant, device, kind: "late-dropped", ts: at, received: receiveTime });
      },
    }),
  });
  return fn;
}

/** A reading as a stage wrote it, of second `seconds`: its source offset is its own offset unless told. */
export function reading(
  offset: number,
  device: string,
  x: number,
  source = `main telemetry 0 1 ${offset} 0 0`,
): LogRecord {
  const ts = T0 + offset * 1000;
  return logRecord({
    offset,
    timestamp: ts,
    key: `t/${device}`,
    value: { v: 1, tenant: "t", device, ts, received: ts, metrics: { x } },
    headers: [[HEADER.source, source]],
  });
}

export function deploy(offset: number, name: string, version: number, body: string, revision = offset): LogRecord {
  const removed = body === "";
  return controlLogRecord(offset, T0 + offset * 1000, {
    v: 1,
    kind: "deploy",
    revision,
    stage: FUNCTIONS_STAGE.name,
    removed,
    function: { name, version, hash: body, code: removed ? "" : `${name} ${body}` },
  });
}
