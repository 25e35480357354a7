import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readingSchema } from "../../../core/derived-records.ts";
import { isReading } from "../../../core/is-reading.ts";

/** JSON has no undefined, NaN or -0: what both are asked about has been through it. */
function throughJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? undefined : JSON.parse(text);
}

const time = fc.oneof({ weight: 4, arbitrary: fc.maxSafeNat() }, fc.constantFrom(0, -1, 0.5, 2 ** 53, 8e15, "5", null));
const id = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_.:-]{1,128}$/), fc.constantFrom("", ".", "..", "a/b", 5, null));
const metricName = fc.oneof(fc.string({ maxLength: 130 }), fc.constantFrom("", "t", "x".repeat(128), "x".repeat(129)));
const metricValue = fc.oneof(fc.double(), fc.boolean(), fc.string(), fc.constantFrom(null, [], {}, [1]));
const metrics = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(fc.integer(), fc.boolean(), fc.string())),
  },
  fc.dictionary(metricName, metricValue),
  fc.jsonValue(),
);
const nearReading = fc.record(
  { v: fc.constantFrom(1, 1, 1, 2, "1"), tenant: id, device: id, ts: time, received: time, metrics },
  { requiredKeys: [] },
);
const optional = fc.record(
  { tsFromReceive: fc.constantFrom(true, false, 1, null), later: fc.jsonValue() },
  { requiredKeys: [] },
);
const reading = fc
  .record({ v: fc.constant(1), tenant: fc.constant("t"), device: fc.constant("d"), ts: time, received: time, metrics })
  .chain((whole) => optional.map((more) => ({ ...whole, ...more })));

const GOOD = {
  v: 1,
  tenant: "plant",
  device: "pump",
  ts: 5,
  received: 6,
  metrics: { t: 21.5, open: true, state: "runs" },
};

describe("isReading", () => {
  it("agrees with the schema on every JSON value, but for a metric named __proto__", () => {
    const judged = { good: 0, bad: 0 };
    fc.assert(
      fc.property(fc.oneof(reading, nearReading, fc.jsonValue()), (made) => {
        const value = throughJson(made);
        fc.pre(!JSON.stringify(value ?? null).includes("__proto__"));
        const expected = readingSchema.safeParse(value).success;
        judged[expected ? "good" : "bad"] += 1;
        expect(isReading(value)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(judged.good, judged.bad)).toBeGreaterThan(100);
  });

  it("agrees with the schema when one field is missing or something else", () => {
    const others = [undefined, null, 0, -1, 1, 0.5, "", "x", "a/b", true, [], {}, { t: null }, { t: [] }, { "": 1 }];
    for (const field of [...Object.keys(GOOD), "tsFromReceive"]) {
      for (const other of others) {
        const value = throughJson({ ...GOOD, [field]: other });
        expect({ field, other, taken: isReading(value) }).toEqual({
          field,
          other,
          taken: readingSchema.safeParse(value).success,
        });
      }
    }
  });

  it("refuses a metric named __proto__", () => {
    expect(isReading(JSON.parse(JSON.stringify(GOOD).replace("state", "__proto__")))).toBe(false);
  });
});
