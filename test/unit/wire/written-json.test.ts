import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WrittenAggregate } from "../../../wire/written-aggregate.ts";
import { NUMBER_BYTES, putNumber, putText, putWhole, textBytesMax, textOfJson } from "../../../wire/written-json.ts";
import { WrittenReading } from "../../../wire/written-reading.ts";

const decimals = fc.tuple(fc.integer(), fc.nat(6)).map(([whole, places]) => whole / 10 ** places);
const numbers = fc.oneof(
  decimals,
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  // Next to what has few decimals.
  decimals.map((value) => value * (1 + Number.EPSILON)),
  decimals.map((value) => value / 3),
  fc.constantFrom(0, -0, 0.1 + 0.2, 1e15, 1e15 - 1, 1e15 - 0.125, 1e21, 1e-6, 1e-7, 5e-324, Number.MAX_VALUE),
);
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.constant('a"\\\n'),
);

function put(bytesMax: number, write: (bytes: Buffer, at: number) => number): string {
  const bytes = Buffer.alloc(bytesMax + 8, "#");
  const end = write(bytes, 3);
  expect(end - 3).toBeLessThanOrEqual(bytesMax);
  expect(bytes.toString("latin1", 0, 3)).toBe("###");
  return bytes.toString("utf8", 3, end);
}

describe("JSON that writes itself", () => {
  it("has numbers and texts as JSON.stringify writes them", () => {
    fc.assert(
      fc.property(numbers, texts, (number, text) => {
        expect(put(NUMBER_BYTES, (bytes, at) => putNumber(bytes, at, number))).toBe(JSON.stringify(number));
        expect(put(textBytesMax(text), (bytes, at) => putText(bytes, at, text))).toBe(JSON.stringify(text));
      }),
      { numRuns: 20_000 },
    );
    expect(put(20, (bytes, at) => putText(bytes, at, "\ud800"))).toBe('"\\ud800"');
  });

  it("has whole numbers of any length", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(15), (value, shorter) => {
        const whole = Math.floor(value / 10 ** shorter);
        expect(put(16, (bytes, at) => putWhole(bytes, at, whole))).toBe(String(whole));
      }),
    );
    for (const whole of [0, 9, 10, 999_999_999, 1_000_000_000, 1_000_000_001, Number.MAX_SAFE_INTEGER])
      expect(put(16, (bytes, at) => putWhole(bytes, at, whole))).toBe(String(whole));
  });

  it("is an aggregate, one after the other", () => {
    const written = new WrittenAggregate();
    const fields = {
      tenant: texts,
      device: texts,
      metric: texts,
      start: fc.maxSafeNat(),
      size: fc.maxSafeNat(),
      revision: fc.nat(),
      count: fc.nat(),
      sum: numbers,
      min: numbers,
      max: numbers,
      mean: numbers,
      first: numbers,
      last: numbers,
    };
    fc.assert(
      fc.property(fc.record(fields), (of) => {
        Object.assign(written, of);
        expect(put(written.bytesMax, (bytes, at) => written.writeTo(bytes, at))).toBe(JSON.stringify({ v: 1, ...of }));
      }),
    );
  });

  it("is a reading whose metrics are copied, few or many", () => {
    const written = new WrittenReading();
    const metrics = fc.dictionary(fc.string({ minLength: 1, maxLength: 40 }), numbers, { maxKeys: 20 });
    fc.assert(
      fc.property(texts, texts, fc.maxSafeNat(), fc.maxSafeNat(), fc.boolean(), metrics, (...fields) => {
        const [tenant, device, ts, received, isFromReceive, values] = fields;
        const mark = isFromReceive ? { tsFromReceive: true } : {};
        const reading = { v: 1 as const, tenant, device, ts, received, ...mark, metrics: values };
        const bytes = Buffer.from(`xx${JSON.stringify(values)}}`);
        written.of(reading, { bytes, start: 2, end: bytes.length - 1 });
        expect(put(written.bytesMax, (to, at) => written.writeTo(to, at))).toBe(JSON.stringify(reading));
        expect(textOfJson(written)).toBe(JSON.stringify(reading));
      }),
    );
    expect(() => textOfJson(new WrittenReading())).toThrow(TypeError);
  });
});
