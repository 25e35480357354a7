import { describe, expect, it } from "vitest";
import { HEADER } from "../../../core/record.ts";
import { emitWritten } from "../../../engine/function-call.ts";
import { OutputBuffer } from "../../../engine/output-buffer.ts";
import { UndoLog } from "../../../engine/undo-log.ts";
import type { CallContext } from "../../../core/function.ts";
import type { CallInput } from "../../../engine/function-call.ts";
import type { WrittenJson } from "../../../wire/written-json.ts";

/** One that stands for one text after the other. */
class WrittenText implements WrittenJson {
  text = "";

  of(text: string): this {
    this.text = text;
    return this;
  }

  get bytesMax(): number {
    return this.text.length * 3;
  }

  writeTo(bytes: Buffer, at: number): number {
    return at + bytes.write(this.text, at);
  }
}

const written = new WrittenText();
const callOf = (deviceKey: string): CallInput =>
  ({ placed: { functionVersion: "f@1" }, key: { deviceKey }, receiveTime: 7 }) as unknown as CallInput;

function made(): { outputs: OutputBuffer; undo: UndoLog } {
  const undo = new UndoLog();
  const outputs = new OutputBuffer(undo, { stage: "s", topic: "telemetry", partition: 3, generation: 0 });
  outputs.beginStep({ offset: 12, step: 1 });
  return { outputs, undo };
}

function textsOf(outputs: OutputBuffer): unknown[] {
  return [...outputs.take()].flatMap(([topic, records]) =>
    records.map(({ key, value, headers }) => {
      return [topic, key, Buffer.from(value).toString(), new Map(headers).get(HEADER.source)];
    }),
  );
}

describe("outputs that write themselves", () => {
  it("stay what they were when they were put out, though one object stands for all", () => {
    const { outputs } = made();
    outputs.pushOf(callOf("t/a"), "readings", written.of('"é"'));
    outputs.pushOf(callOf("t/b"), "aggregates", written.of("2"));
    outputs.pushOf(callOf("t/a"), "readings", "3");
    expect(outputs.stepBytes).toBe(6);
    expect(textsOf(outputs)).toEqual([
      ["readings", "t/a", '"é"', "s telemetry 3 0 12 1 0"],
      ["readings", "t/a", "3", "s telemetry 3 0 12 1 2"],
      ["aggregates", "t/b", "2", "s telemetry 3 0 12 1 1"],
    ]);
  });

  it("stay so too when they are held, count the same bytes, and leave when they are pushed", () => {
    const { outputs, undo } = made();
    const mark = undo.mark();
    const held = outputs.hold(() => {
      outputs.pushOf(callOf("t/a"), "readings", written.of('"é"'));
      outputs.pushOf(callOf("t/b"), "aggregates", written.of("2"));
      expect(outputs.stepBytes).toBe(5);
    });
    expect(held.map(({ topic, key, json }) => [topic, key, json])).toEqual([
      ["readings", "t/a", '"é"'],
      ["aggregates", "t/b", "2"],
    ]);
    expect(outputs.stepBytes).toBe(0);
    for (const output of held) outputs.push(output);
    expect(outputs.stepBytes).toBe(5);
    undo.rollback(mark);
    expect(outputs.stepBytes).toBe(0);
    outputs.pushOf(callOf("t/c"), "readings", written.of("4"));
    expect(textsOf(outputs)).toEqual([["readings", "t/c", "4", "s telemetry 3 0 12 1 0"]]);
  });

  it("are emitted within a call of the engine only", () => {
    const context = { emit: () => undefined } as unknown as CallContext;
    expect(() => emitWritten(context, "readings", written)).toThrow(TypeError);
  });
});
