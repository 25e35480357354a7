import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { haveSameMembers } from "../../../wire/same-members.ts";

function bytesOf(json: string, around = "") {
  const bytes = Buffer.from(around + json + around);
  const start = Buffer.byteLength(around);
  return { bytes, start, end: bytes.length - start };
}

const same = (one: string, other: string) => haveSameMembers(bytesOf(one), bytesOf(other, '"x",'));

describe("metrics have the same members", () => {
  it("when only their values differ, whatever kind they are", () => {
    expect(same('{"a":1,"b":"on"}', '{"a":-1.5e-7,"b":""}')).toBe(true);
    expect(same('{"a":true,"µ":"a, } b"}', '{"a":"für","µ":false}')).toBe(true);
  });

  it.each([
    ["another name", '{"a":1}', '{"b":1}'],
    ["a longer name", '{"a":1}', '{"ab":1}'],
    ["another order", '{"a":1,"b":2}', '{"b":2,"a":1}'],
    ["one more", '{"a":1}', '{"a":1,"b":2}'],
    ["one less", '{"a":1,"b":2}', '{"a":1}'],
    ["none", "{}", "{}"],
    ["a blank", '{"a":1}', '{"a": 1}'],
    ["an escape in a name", '{"a\\"":1}', '{"a\\"":1}'],
    ["an escape in a value", '{"a":"\\""}', '{"a":"x"}'],
    ["no value", '{"a":}', '{"a":1}'],
    ["an object", '{"a":{}}', '{"a":1}'],
    ["an array", '{"a":1}', '{"a":[1]}'],
    ["no end", '{"a":1', '{"a":1}'],
    ["no closing quote", '{"a":"1}', '{"a":"1}'],
    ["something behind the end", '{"a":1},"b":2}', '{"a":1}'],
    ["no braces", '"a":1', '"a":1'],
    ["nothing", "", ""],
  ])("not with %s", (_, one, other) => {
    expect(same(one, other)).toBe(false);
    expect(same(other, one)).toBe(false);
  });

  it("never when their names differ, as a parser finds them", () => {
    const metrics = fc.dictionary(fc.string({ maxLength: 3 }), fc.oneof(fc.double(), fc.boolean(), fc.string()), {
      minKeys: 1,
      maxKeys: 3,
    });
    fc.assert(
      fc.property(metrics, metrics, (one, other) => {
        const names = (all: object) => Object.keys(all).join("\n");
        const found = same(JSON.stringify(one), JSON.stringify(other));
        if (found) expect(names(one)).toBe(names(other));
      }),
    );
  });
});
