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
 * `sum` adds x up, `texts` keeps sums as texts, `timer` tells of silence, `throws` cannot be loaded; `squares` adds x² up; `fails` is `timer` and
 * throws on x below 0, having changed its state, and `hopeless` always.
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
  const hasTimer = body === "timer" || body === "fails";
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
      const x = Number(reading.metrics["x"]);
      const sum = Number(context.state.get("sum") ?? 0) + (body === "squares" ? x * x : x);
      context.state.set("sum", keepsText ? String(sum) : sum);
      if (body === "hopeless" || (body === "fails" && x < 0)) throw new RangeError("not this one");
      if (hasTimer) context.timers.set("silence", reading.ts + 10_000);
      context.emit("readings", { ...reading, metrics: { sum } });
    },
    ...(hasTimer && {
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

/** `canary`: its version, body and share. */
export function deploy(
  offset: number,
  name: string,
  version: number,
  body: string,
  revision = offset,
  canary?: readonly [version: number, body: string, share: number],
): LogRecord {
  const removed = body === "";
  return controlLogRecord(offset, T0 + offset * 1000, {
    v: 1,
    kind: "deploy",
    revision,
    stage: FUNCTIONS_STAGE.name,
    removed,
    function: { name, version, hash: body, code: removed ? "" : `${name} ${body}` },
    ...(canary && { canary: { version: canary[0], hash: canary[1], code: `${name} ${canary[1]}`, share: canary[2] } }),
  });
}
