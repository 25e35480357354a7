import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatewayEntryName, splitGatewayPayload } from "../../../wire/gateway-payload.ts";

/** The entries as name and text of the value, or why there are none. */
function split(payload: string | Uint8Array, entriesMax = 100): unknown {
  // Other bytes around it must not matter.
  const bytes = Buffer.concat([Buffer.from('{"x'), Buffer.from(payload), Buffer.from('"}')]);
  const entries = splitGatewayPayload(bytes, 3, bytes.length - 2, entriesMax);
  if (typeof entries === "string") return entries;
  return entries.map(({ name, valueStart, end }) => [name, bytes.toString("utf8", valueStart, end)]);
}

describe("splitGatewayPayload", () => {
  it("finds each device's value, and leaves it as it is", () => {
    expect(split(' {"A" : [ {"ts":1,"values":{"t":"]},\\""}} ] ,\n"B":{"t":1}, "C":5}\r\n')).toEqual([
      ["A", '[ {"ts":1,"values":{"t":"]},\\""}} ]'],
      ["B", '{"t":1}'],
      ["C", "5"],
    ]);
  });

  it("keeps a name that stands there twice, twice", () => {
    expect(split('{"A":[1],"__proto__":[2],"A":[3]}')).toEqual([
      ["A", "[1]"],
      ["__proto__", "[2]"],
      ["A", "[3]"],
    ]);
  });

  it("reads escapes in names, and none that is too long for an id", () => {
    expect(split('{"\\u0041\\"\\/":1}')).toEqual([['A"/', "1"]]);
    expect(split(`{"${"\\u0041".repeat(128)}":1}`)).toEqual([["A".repeat(128), "1"]]);
    expect(split(`{"${"a".repeat(769)}":1}`)).toEqual([[null, "1"]]);
    expect(split('{"\\x":1}')).toEqual([[null, "1"]]);
  });

  it("leaves a value that is no JSON to whoever decodes it", () => {
    expect(split('{"A":[{"t":nan}],"B":[},"C":[1] 2}')).toEqual([
      ["A", '[{"t":nan}]'],
      ["B", "[}"],
      ["C", "[1] 2"],
    ]);
  });

  it.each([
    ["", "bad-json"],
    ["hello", "bad-json"],
    ['"A"', "bad-json"],
    ["[{}]", "bad-shape"],
    ["{}", "bad-shape"],
    ["{} {}", "bad-json"],
    ['{"A":[1]', "bad-json"],
    ['{"A":[1]}}', "bad-json"],
    ['{"A":[1],}', "bad-json"],
    ['{"A":}', "bad-json"],
    ['{"A":,"B":1}', "bad-json"],
    ['{"A" [1]}', "bad-json"],
    ["{A:[1]}", "bad-json"],
    ['{"A":[1}', "bad-json"],
    ['{"A":"x}', "bad-json"],
    ['{"A', "bad-json"],
    ['{"A\\', "bad-json"],
    ['{"A":"\\', "bad-json"],
    ['{"A":]}', "bad-json"],
  ])("cannot cut %s", (payload, reason) => {
    expect(split(payload)).toBe(reason);
  });

  it("has a ceiling of entries", () => {
    const of = (count: number) => `{${Array.from({ length: count }, (_, index) => `"d${index}":1`).join()}}`;
    expect(split(of(100))).toHaveLength(100);
    expect(split(of(101))).toBe("too-many-devices");
  });

  it("is not stopped by depth", () => {
    const deep = "[".repeat(60_000) + "]".repeat(60_000);
    expect(split(`{"A":${deep},"B":1}`)).toEqual([
      ["A", deep],
      ["B", "1"],
    ]);
  });

  it("agrees with JSON.parse on every object", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue(), { minKeys: 1 }), (object) => {
        const entries = split(JSON.stringify(object, null, 1)) as readonly [string, string][];
        expect(entries.map(([name, text]) => [name, JSON.parse(text)])).toEqual(
          Object.entries(JSON.parse(JSON.stringify(object))),
        );
      }),
    );
  });

  it("never throws, and never reaches beyond the bytes", () => {
    const pieces = fc.constantFrom("{", "}", "[", "]", '"', "\\", ":", ",", " ", "A", "1", "é");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const bytes = Buffer.from(parts.join(""));
        const entries = splitGatewayPayload(bytes, 0, bytes.length, 5);
        if (typeof entries === "string") return;
        for (const { name, start, valueStart, end } of entries) {
          expect(start < valueStart && valueStart < end && end < bytes.length).toBe(true);
          expect(gatewayEntryName(bytes.subarray(start, end))).toBe(name);
        }
      }),
    );
  });
});
