import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlainJson } from "../../../wire/plain-json.ts";
import { readPlainReading, readReading } from "../../../wire/reading-reader.ts";
import type { Reading } from "../../../core/derived-records.ts";

const names = fc.oneof(
  fc.constantFrom(
    "temperature",
    "humidity",
    "pm2.5",
    "1",
    "0",
    "x y",
    "constructor",
    "toString",
    "__proto__",
    "",
    "ü",
    'a"b',
  ),
  fc.constantFrom("a", "b", "c", "co2"),
  fc.string({ maxLength: 6 }),
);
const numbers = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: -(2 ** 53), max: 2 ** 53 }),
  fc.integer({ min: -(10 ** 6), max: 10 ** 6 }).map((whole) => whole / 100),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e21, 1e-7, 123456789012345.6, 0.1 + 0.2, 5e-324, 1.7976931348623157e308),
);
const scalars = fc.oneof(numbers, numbers, fc.boolean(), fc.string({ maxLength: 8 }));
const values = fc.oneof({ weight: 20, arbitrary: scalars }, fc.constantFrom(null, [], {}, [1], { a: 1 }));
const members = fc.array(fc.tuple(names, values), { maxLength: 6 });

/** JSON with a blank where people's libraries put one, names twice, and anything in between. */
const text = fc
  .tuple(members, fc.constantFrom(":", ": ", " : "), fc.constantFrom(",", ", ", ",\n"))
  .map(([all, colon, comma]) => {
    return `{${all.map(([name, value]) => JSON.stringify(name) + colon + JSON.stringify(value)).join(comma)}}`;
  });

/** Also with one byte changed, put in or cut off. */
const mutated = fc
  .tuple(
    text,
    fc.nat(),
    fc.constantFrom("", "0", ".", "-", "e", "+", "}", ",", '"', "\\", " ", "\u0000", "é", "1e5"),
    fc.nat(1),
  )
  .map(([whole, place, put, cut]) => {
    const at = place % (whole.length + 1);
    return whole.slice(0, at) + put + whole.slice(at + cut);
  });

/** Numbers as texts that no printer need have made. */
const digits = fc
  .array(fc.constantFrom(..."0000123456789".split("")), { minLength: 1, maxLength: 17 })
  .map((all) => all.join(""));
const numberText = fc
  .tuple(fc.constantFrom("", "", "-"), digits, fc.constantFrom("", ".0", ".000000", "."), digits)
  .map(([sign, whole, point, decimals]) => `{"a":${sign}${whole}${point}${point === "" ? "" : decimals}}`);

function read(json: PlainJson, bytes: Uint8Array): object | null {
  json.begin(bytes);
  const found = json.skipByte(0x7b) ? json.members() : null;
  return json.isAtEnd ? found : null;
}

function parsed(whole: string): unknown {
  try {
    return JSON.parse(whole);
  } catch {
    return undefined;
  }
}

/** Names in their order, and zeros with their sign. */
function exactly(value: object): unknown[] {
  return Object.entries(value).map(([name, of]) => [name, Object.is(of, -0) ? "-0" : of]);
}

describe("plain JSON", () => {
  it("is read as a parser reads it, or not at all", () => {
    const json = new PlainJson();
    let count = 0;
    fc.assert(
      fc.property(fc.oneof(text, mutated), (whole) => {
        const found = read(json, Buffer.from(whole));
        if (found === null) return;
        count += 1;
        const known = parsed(whole);
        expect(known, whole).toBeTypeOf("object");
        expect(exactly(found)).toEqual(exactly(known as object));
        expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
      }),
      { numRuns: 5000 },
    );
    // A reader that read nothing would pass.
    expect(count).toBeGreaterThan(300);
  });

  it("says of what stands as JSON.stringify writes it that it does, and of nothing else", () => {
    const json = new PlainJson({ printsLong: true });
    let count = 0;
    fc.assert(
      fc.property(fc.oneof(text, mutated, numberText), (whole) => {
        const found = read(json, Buffer.from(whole));
        if (found === null || !json.isCanonical || Object.keys(found).length !== json.memberCount) return;
        count += 1;
        expect(JSON.stringify(found)).toBe(whole);
      }),
      { numRuns: 20_000 },
    );
    expect(count).toBeGreaterThan(1000);
  });

  it.each([
    '{"temperature":21.5,"humidity":40,"on":true,"off":false,"state":"ok, so far","x y":0}',
    '{"a":-0.25,"b":0.000001,"c":999999999999999,"d":0.1,"e":-12,"f":1.5}',
    '{"a":123456.789012345}',
    '{"a":0.30000000000000004,"b":-21.299999237060547}',
  ])("says it of %s", (whole) => {
    const json = new PlainJson({ printsLong: true });
    const found = read(json, Buffer.from(whole));
    expect(found).not.toBeNull();
    expect(json.isCanonical).toBe(true);
    expect(Object.keys(found ?? {})).toHaveLength(json.memberCount);
  });

  it.each([
    ["a blank", '{"a": 1}'],
    ["another", '{"a":1, "b":2}'],
    ["a first one", '{ "a":1}'],
    ["a zero at the end", '{"a":1.50}'],
    ["zero with a point", '{"a":0.0}'],
    ["negative zero", '{"a":-0}'],
    ["what is printed with an exponent", '{"a":0.0000001}'],
    ["more digits than are exact", '{"a":0.1000000000000000055}'],
    ["a name that is a number", '{"b":1,"1":2}'],
  ])("does not say it of %s", (_, whole) => {
    const json = new PlainJson({ printsLong: true });
    expect(read(json, Buffer.from(whole))).not.toBeNull();
    expect(json.isCanonical).toBe(false);
    // What was read before says nothing of what is read next.
    expect(read(json, Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    expect(json.isCanonical).toBe(true);
  });

  it("says it of no number that is long, unless it was told to look", () => {
    const json = new PlainJson();
    expect(read(json, Buffer.from('{"a":0.30000000000000004}'))).not.toBeNull();
    expect(json.isCanonical).toBe(false);
  });

  it("counts a name that stands twice twice", () => {
    const json = new PlainJson();
    expect(read(json, Buffer.from('{"a":1,"b":2,"a":3}'))).toEqual({ a: 3, b: 2 });
    expect(json.memberCount).toBe(3);
  });

  it("is what machines write: numbers as they print them, with or without blanks", () => {
    const json = new PlainJson();
    const plain = fc.dictionary(
      fc.constantFrom("a", "temperature", "pm2.5", "x1"),
      fc.oneof(fc.integer(), fc.boolean()),
      {
        minKeys: 1,
      },
    );
    fc.assert(
      fc.property(plain, (value) => {
        const blanks = JSON.stringify(value).replaceAll(":", ": ").replaceAll(",", ", ");
        for (const whole of [JSON.stringify(value), blanks]) {
          expect(exactly(read(json, Buffer.from(whole)) ?? {})).toEqual(exactly(value));
        }
      }),
    );
    expect(read(json, Buffer.from('{"a":21.5,"b":-0.25,"c":29.180000000000003,"d":"ok"}'))).toEqual({
      a: 21.5,
      b: -0.25,
      c: 29.180000000000003,
      d: "ok",
    });
  });

  it.each([
    ["an empty object", "{}"],
    ["no value", '{"a":}'],
    ["a leading zero", '{"a":01}'],
    ["a point without decimals", '{"a":1.}'],
    ["an exponent", '{"a":1e5}'],
    ["too many digits", `{"a":${"9".repeat(400)}}`],
    ["a minus alone", '{"a":-}'],
    ["an escape", '{"a":"\\n"}'],
    ["what is behind it", '{"a":1}}'],
    ["an end that is missing", '{"a":1'],
    ["a comma at the end", '{"a":1,}'],
    ["null", '{"a":null}'],
    ["a name without quotes", "{a:1}"],
  ])("does not hold %s", (_, whole) => {
    expect(read(new PlainJson(), Buffer.from(whole))).toBeNull();
  });

  it("forgets names when somebody makes up ever new ones, and still reads right", () => {
    const json = new PlainJson();
    for (let round = 0; round < 10_000; round += 1) {
      expect(read(json, Buffer.from(`{"a":1,"n${round}":2}`))).toEqual({ a: 1, [`n${round}`]: 2 });
    }
  });
});

describe("a plain reading", () => {
  const reading: Reading = {
    v: 1,
    tenant: "t",
    device: "d",
    ts: 5,
    received: 6,
    metrics: { x: 1.5, on: true, text: "a" },
  };
  const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));

  it("is the reading", () => {
    expect(readPlainReading(bytes(reading), "t", "d")).toEqual(reading);
    // As a stage finds it: in the middle of a batch.
    const padded = Buffer.concat([Buffer.from("xx"), bytes(reading), Buffer.from("1}")]);
    expect(readPlainReading(padded.subarray(2, padded.length - 2), "t", "d")).toEqual(reading);
  });

  it.each([
    ["another device", { ...reading, device: "e" }],
    ["another tenant", { ...reading, tenant: "tt" }],
    ["a correction", { ...reading, revision: 1 }],
    ["a time that the device did not send", { ...reading, tsFromReceive: true }],
    ["a negative time", { ...reading, ts: -1 }],
    ["half a millisecond", { ...reading, ts: 1.5 }],
    ["no metrics", { ...reading, metrics: {} }],
    ["something else", { ...reading, metrics: { x: null } }],
    ["another version", { ...reading, v: 2 }],
  ])("is not read of %s", (_, value) => {
    expect(readPlainReading(bytes(value), "t", "d")).toBeNull();
  });
});

describe("the reading of a record", () => {
  const reading = { v: 1, tenant: "t", device: "d", ts: 5, received: 6, metrics: { x: 1.5, text: "ü" } };
  const read = (key: string | null, value: string): unknown => readReading({ key, value: Buffer.from(value) });

  it.each([
    ["written plainly", { ...reading, metrics: { x: 1.5 } }],
    ["written otherwise", reading],
    ["a correction without metrics", { ...reading, metrics: {}, revision: 2 }],
    ["of another device than its key", { ...reading, device: "e" }],
  ])("is read: %s", (_, value) => {
    for (const key of ["t/d", "", null, "t/d e"]) expect(read(key, JSON.stringify(value))).toEqual(value);
  });

  it.each([
    ["no JSON", "t/d", "{"],
    ["another version", "t/d", JSON.stringify({ ...reading, v: 2 })],
    [
      "ids that are none, though its key has them too",
      "t/a b",
      JSON.stringify({ ...reading, device: "a b", metrics: { x: 1 } }),
    ],
  ])("is none: %s", (_, key, value) => {
    expect(read(key, value)).toBeNull();
  });
});
