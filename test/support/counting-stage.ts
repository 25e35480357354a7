import { z } from "zod";
import { defineMap, defineStream } from "../../core/function.ts";
import { controlLogRecord, logRecord } from "./log-records.ts";
import type { MapFunction, StreamFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";

export const T0 = Date.UTC(2026, 0, 1);

const messageSchema = z.object({ ts: z.number(), x: z.union([z.number(), z.string()]) });

/** Messages are `{ts, x}`: one reading each; `x: "boom"` throws after the reading was emitted. */
export const reader: MapFunction<"telemetry"> = defineMap<"telemetry">({
  name: "parse",
  version: 1,
  input: "telemetry",
  outputs: ["readings"],
  process(record, context) {
    const { ts, x } = messageSchema.parse(JSON.parse(Buffer.from(record.value).toString()));
    const { tenant, device, receiveTime } = context;
    context.count("valuesProduced");
    context.emit("readings", { v: 1, tenant, device, ts, received: receiveTime, metrics: { x } });
    if (x === "boom") throw new RangeError("the value is boom");
    if (x === "dup") context.count("duplicate");
  },
});

/** Counts readings, and tells its timers. A reading sets a timer 10 s after it; one with x < 0 makes the timer throw. */
export const counter: StreamFunction<"readings", number> = defineStream({
  name: "counter",
  version: 3,
  input: "readings",
  outputs: ["device-events"],
  state: z.number(),
  onInput(reading, context) {
    const { x } = reading.metrics;
    context.state.set("n", (context.state.get("n") ?? 0) + 1);
    context.timers.set("later", reading.ts + 10_000);
    if (typeof x === "number" && x < 0) context.state.set("throw", 1);
    if (x === "nan") context.emit("device-events", { value: NaN });
    if (x === "foreign") context.emit("alarms", {});
  },
  onTimer(name, at, context) {
    const n = context.state.get("n") ?? 0;
    context.state.set("fired", n);
    context.emit("device-events", { v: 1, timer: name, at, n, watermark: context.watermark, device: context.device });
    if (context.state.get("throw") === 1) throw new TypeError("the timer is broken");
  },
});

export const countingStage: StageDefinition = { name: "test", input: "telemetry", functions: [reader, counter] };

export function message(
  offset: number,
  device: string,
  seconds: number,
  x: number | string,
  receivedSeconds = seconds,
): LogRecord {
  return logRecord({
    offset,
    timestamp: T0 + receivedSeconds * 1000,
    key: `t/${device}`,
    value: { ts: T0 + seconds * 1000, x },
  });
}

export function tick(offset: number, seconds: number): LogRecord {
  return controlLogRecord(offset, T0 + seconds * 1000, { v: 1, kind: "tick" });
}
