import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { decodeTelemetryPayload } from "../../../wire/telemetry-payload.ts";
import type { DecodedPayload } from "../../../wire/telemetry-payload.ts";

function decode(text: string): DecodedPayload {
  return decodeTelemetryPayload(Buffer.from(text));
}

/** Times and values, without where they stand. */
function readingsOf(payload: DecodedPayload): object[] {
  return payload.readings.map(({ ts, values }) => ({ ts, values }));
}

function reasonOf(payload: DecodedPayload): string | undefined {
  expect(payload.readings).toEqual([]);
  return payload.faults[0]?.reason;
}

describe("a telemetry payload", () => {
  it("is an object of values", () => {
    expect(readingsOf(decode('{"t":21.5,"on":true,"s":"ok"}'))).toEqual([
      { ts: undefined, values: { t: 21.5, on: true, s: "ok" } },
    ]);
  });

  it("or a time with values", () => {
    expect(readingsOf(decode('{"ts":1700000000000,"values":{"t":1}}'))).toEqual([
      { ts: 1_700_000_000_000, values: { t: 1 } },
    ]);
    expect(readingsOf(decode('{"values":{"t":1}}'))).toEqual([{ ts: undefined, values: { t: 1 } }]);
  });

  it("or an array of both, of which the good elements count", () => {
    const { readings, faults } = decode('[{"t":1},{"ts":5,"values":{"t":2}},7,[],{"t":3}]');
    expect(readings.map(({ values }) => values["t"])).toEqual([1, 2, 3]);
    expect(faults.map(({ reason, element }) => [reason, element])).toEqual([
      ["bad-shape", 7],
      ["bad-shape", []],
    ]);
  });

  it("may have a metric called values that is no object", () => {
    expect(readingsOf(decode('{"values":3}'))).toEqual([{ ts: undefined, values: { values: 3 } }]);
  });

  it.each(["", "{", "nope", '{"t":1}}', "{'t':1}", '{"t":01}', "\u0000", '{"t":NaN}'])("is bad JSON: %j", (text) => {
    expect(reasonOf(decode(text))).toBe("bad-json");
  });

  it.each([
    "1",
    '"text"',
    "null",
    "true",
    "[]",
    "{}",
    '{"values":{}}',
    '{"ts":5}',
    '{"ts":5,"t":1}',
    '{"values":{"t":1},"t":2}',
  ])("has no reading's shape: %s", (text) => {
    expect(reasonOf(decode(text))).toBe("bad-shape");
  });

  it("is refused when it is not UTF-8", () => {
    expect(reasonOf(decodeTelemetryPayload(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])))).toBe("bad-utf8");
  });

  it("is refused when it is nested too deep, before it is parsed and however deep it is", () => {
    for (const depth of [LIMITS.jsonDepthMax + 1, 10_000, 60_000]) {
      expect(reasonOf(decode('{"a":'.repeat(depth) + "1" + "}".repeat(depth)))).toBe("too-deep");
      expect(reasonOf(decode("[".repeat(depth) + "]".repeat(depth)))).toBe("too-deep");
      expect(reasonOf(decode("[".repeat(depth)))).toBe("too-deep");
    }
  });

  it("is not too deep because of brackets in texts, or of many elements side by side", () => {
    expect(decode(JSON.stringify({ s: '[[[[[[[[[[[[[[[[[[[["\\{{{{{{{{' })).readings).toHaveLength(1);
    expect(decode(JSON.stringify(Array.from({ length: 100 }, () => ({ t: 1 })))).readings).toHaveLength(100);
  });

  it("is refused when it has too many elements", () => {
    const elements = Array.from({ length: LIMITS.readingsPerMessageMax + 1 }, () => ({ t: 1 }));
    expect(reasonOf(decode(JSON.stringify(elements)))).toBe("too-many-values");
    expect(decode(JSON.stringify(elements.slice(1))).readings).toHaveLength(LIMITS.readingsPerMessageMax);
  });

  it("keeps __proto__ as a name like any other, and numbers that are too great as they were sent", () => {
    const [reading] = decode('{"__proto__":{"admin":true},"t":1e400}').readings;
    expect(Object.keys(reading?.values ?? {})).toEqual(["__proto__", "t"]);
    expect(JSON.stringify(reading?.values["t"])).toBe("1e400");
    expect(Object.hasOwn(Object.prototype, "admin")).toBe(false);
  });

  it("never throws, whatever the bytes are", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeTelemetryPayload(bytes)));
    fc.assert(fc.property(fc.json(), (text) => void decode(text)));
  });
});

describe("a payload that is written plainly", () => {
  // A blank in front sends it the long way round.
  const bothWays = (text: string): void => {
    const [plain, other] = [decodeTelemetryPayload(Buffer.from(text)), decodeTelemetryPayload(Buffer.from(` ${text}`))];
    expect(readingsOf(plain), text).toEqual(readingsOf(other));
    expect(plain.faults).toEqual(other.faults);
    for (const { values, count } of [...plain.readings, ...other.readings])
      expect(count).toBe(Object.keys(values).length);
    for (const { written } of other.readings) expect(written).toBeNull();
    for (const { written, values } of plain.readings) {
      if (written === null) continue;
      const { bytes, start, end } = written;
      expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe(JSON.stringify(values));
    }
  };
  const name = fc.constantFrom("ts", "values", "t", "h", "1", "", "__proto__");
  const scalar = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.string({ maxLength: 3 }),
    fc.constant(null),
  );
  const flat = fc.dictionary(name, scalar, { maxKeys: 4 });
  const shaped = fc.record(
    { ts: fc.oneof(fc.integer({ min: 0 }), scalar), values: fc.oneof(flat, scalar), x: scalar },
    { requiredKeys: [] },
  );

  it("is understood as any other", () => {
    fc.assert(
      fc.property(fc.oneof(flat, shaped), fc.boolean(), (value, blanks) => {
        const text = JSON.stringify(value);
        bothWays(blanks ? text.replaceAll(":", ": ").replaceAll(",", ", ") : text);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '{"t":1,"ts":5}',
    '{"t":1,"values":5}',
    '{"ts":5,"values":{"t":1},"x":2}',
    '{"ts":5,"values":{"t":1}}}',
    '{"ts":1e3,"values":{"t":1}}',
    '{"ts":"5","values":{"t":1}}',
    '{"values":{"t":1},"ts":5}',
    '{"ts":5,"values":{"t":1}',
    '{"ts":5}',
    "{}",
  ])("is understood as any other: %s", bothWays);
});
