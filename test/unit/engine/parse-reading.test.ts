import { describe, expect, it } from "vitest";
import { parseReading } from "../../../engine/parse-reading.ts";
import { logRecord } from "../../support/log-records.ts";

const reading = { v: 1, tenant: "t", device: "d", ts: 5, received: 6, metrics: { x: 1, on: true, text: "ü" } };
const parse = (value: string | Uint8Array | object) =>
  parseReading(logRecord({ offset: 0, timestamp: 6, key: "t/d", value }), { tenant: "t", device: "d" });

describe("the reading of a record", () => {
  it("is what its JSON says", () => {
    expect(parse(reading)).toEqual(reading);
  });

  it.each([
    ["no JSON", "{", /JSON/],
    ["bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /not valid/],
    ["another version", { ...reading, v: 2 }, /"v"/],
    ["a device that is none", { ...reading, device: "a/b" }, /"device"/],
    ["a metric that is no value", { ...reading, metrics: { x: null } }, /"metrics"/],
    [
      "a metric that may not be named so",
      `{"v":1,"tenant":"t","device":"d","ts":5,"received":6,"metrics":{"__proto__":1}}`,
      /named/,
    ],
  ])("is none of %s, and the error says why", (_, value, why) => {
    const parsed = parse(value);
    expect(parsed).toBeInstanceOf(Error);
    expect(parsed).toMatchObject({ message: expect.stringMatching(why) });
  });
});
