import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceKey } from "../../../core/ids.ts";
import { memberCount, placeOf, ReadingParts } from "../../../wire/reading-parts.ts";
import type { Reading } from "../../../core/derived-records.ts";

const id = fc.stringMatching(/^[A-Za-z0-9_:-]{1,12}$/);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string({ unit: "binary" }),
);
const reading: fc.Arbitrary<Reading> = fc.record({
  v: fc.constant(1 as const),
  tenant: id,
  device: id,
  ts: fc.nat(2 ** 45),
  received: fc.nat(2 ** 45),
  metrics: fc.dictionary(fc.string({ minLength: 1 }), value, { maxKeys: 5 }),
});
const recordOf = (one: Reading, json = JSON.stringify(one)) => ({
  key: deviceKey(one.tenant, one.device),
  value: Buffer.from(json),
});
const parts = new ReadingParts();

describe("the parts of a reading", () => {
  it("are its place, its time and its metrics as they are written", () => {
    fc.assert(
      fc.property(reading, (one) => {
        expect(parts.find(recordOf(one))).toBe(true);
        expect(parts.ts).toBe(one.ts);
        expect(parts.place).toBe(placeOf(one));
        expect(parts.rest).toBe(Buffer.from(JSON.stringify(one.metrics)).toString("latin1"));
        expect(memberCount(parts.rest)).toBe(Object.keys(one.metrics).length);
      }),
    );
  });

  it("have what follows the metrics in the rest, which no metric is counted of", () => {
    const one: Reading = { v: 1, tenant: "t", device: "d", ts: 1, received: 2, metrics: { a: 1 }, revision: 7 };
    const json = '{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"metrics":{"a":1},"revision":7}';
    expect(parts.find(recordOf(one, json))).toBe(true);
    expect(parts.rest).toBe('{"a":1},"revision":7');
    expect(memberCount(parts.rest)).toBe(1);
  });

  it.each([
    ["another order", '{"tenant":"t","v":1,"device":"d","ts":1,"received":2,"metrics":{}}'],
    ["another device than the key's", '{"v":1,"tenant":"t","device":"other","ts":1,"received":2,"metrics":{}}'],
    ["a blank", '{"v":1,"tenant":"t","device":"d","ts": 1,"received":2,"metrics":{}}'],
    ["no time", '{"v":1,"tenant":"t","device":"d","ts":,"received":2,"metrics":{}}'],
    ["a time of many digits", '{"v":1,"tenant":"t","device":"d","ts":1234567890123456,"received":2,"metrics":{}}'],
    ["a negative time", '{"v":1,"tenant":"t","device":"d","ts":-1,"received":2,"metrics":{}}'],
    ["a time that is none", '{"v":1,"tenant":"t","device":"d","ts":1,"received":1.5,"metrics":{}}'],
    ["no receive time", '{"v":1,"tenant":"t","device":"d","ts":1,"received":,"metrics":{}}'],
    ["something between", '{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"tsFromReceive":true,"metrics":{}}'],
    ["metrics that are none", '{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"metrics":[]}'],
    ["no end", '{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"metrics":{'],
    ["nothing", ""],
  ])("are not found of what has %s", (_, json) => {
    expect(parts.find({ key: "t/d", value: Buffer.from(json) })).toBe(false);
    expect(parts.find({ key: null, value: Buffer.from(json) })).toBe(false);
  });
});
