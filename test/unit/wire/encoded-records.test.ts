import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEADER } from "../../../core/record.ts";
import { EncodedRecords } from "../../../wire/encoded-records.ts";
import { StepSource } from "../../../wire/step-source.ts";
import { encodeRecordBatch, recordBytesBound, valueBytes } from "../../../wire/record-batch-writer.ts";
import type { RecordInput } from "../../../core/record.ts";

const text = fc.string({ unit: "binary", maxLength: 90 }).filter((one) => one.isWellFormed());
const whole = fc.oneof(fc.nat(20), fc.maxSafeNat());
const derived = fc
  .record({
    timestamp: fc.nat(2 ** 42),
    key: fc.option(text),
    json: fc.json(),
    writesItself: fc.boolean(),
    prefix: text,
    at: fc.record({ offset: whole, step: whole }),
    index: whole,
    functionVersion: fc.oneof(fc.constantFrom("clean@1", "dew-point@12"), text),
    controlKind: fc.option(text, { nil: undefined }),
  })
  .map(({ controlKind, ...rest }) => (controlKind === undefined ? rest : { ...rest, controlKind }));
type Derived = typeof derived extends fc.Arbitrary<infer Of> ? Of : never;

function append(to: EncodedRecords, { json, writesItself, prefix, at, index, ...record }: Derived): number {
  const source = new StepSource(prefix);
  source.moveTo({ offset: 123_456_789_012, step: 3 });
  source.moveTo(at);
  const written = {
    bytesMax: Buffer.byteLength(json),
    writeTo: (bytes: Buffer, start: number) => start + bytes.write(json, start),
  };
  return to.append({ ...record, json: writesItself ? written : json }, source, index);
}

/** The same as an object of its own. */
function plain(record: Derived): RecordInput {
  const { timestamp, key, json, prefix, at, index, functionVersion, controlKind } =
    "controlKind" in record ? record : { ...record, controlKind: undefined };
  const kind = controlKind === undefined ? [] : ([[HEADER.controlKind, controlKind]] as const);
  const source = `${prefix}${at.offset} ${at.step} ${index}`;
  const headers = [[HEADER.source, source] as const, [HEADER.functionVersion, functionVersion] as const, ...kind];
  return { timestamp, key, value: Buffer.from(json), headers };
}

describe("records that are bytes at once", () => {
  it("give the same batch as the same records of objects, and the same parts to whoever asks", () => {
    const kept = new EncodedRecords();
    fc.assert(
      fc.property(fc.array(derived, { minLength: 1, maxLength: 8 }), fc.nat(7), (records, undone) => {
        for (const record of records) append(kept, record);
        const left = Math.max(0, records.length - 1 - undone);
        while (kept.length > left) kept.takeLast();
        for (const record of records.slice(left)) append(kept, record);
        const encoded = records.map((_, place) => kept.at(place));
        expect(() => kept.at(records.length)).toThrow(RangeError);
        kept.clear();
        const wanted = records.map(plain);
        expect(encodeRecordBatch(encoded)).toEqual(encodeRecordBatch(wanted));
        for (const [place, record] of encoded.entries()) {
          expect(Buffer.from(record.value)).toEqual(wanted[place]?.value);
          expect(record.headers).toEqual(wanted[place]?.headers);
          expect(valueBytes(record)).toBe(wanted[place]?.value.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("stay as they are when those behind them fill the buffer, or do not fit into one", () => {
    const kept = new EncodedRecords();
    const texts = Array.from({ length: 40 }, (_, index) => `"${"é".repeat(1 + index * 2500)}"`);
    const lengths = texts.map((json, index) =>
      kept.append({ timestamp: index, key: null, json, functionVersion: "f@1" }, new StepSource("s "), index),
    );
    expect(lengths).toEqual(texts.map((json) => Buffer.byteLength(json)));
    const encoded = texts.map((_, place) => kept.at(place));
    kept.clear();
    kept.append({ timestamp: 1, key: null, json: "{}", functionVersion: "f@1" }, new StepSource("s "), 0);
    expect(encoded.map(({ value }) => Buffer.from(value).toString())).toEqual(texts);
    expect(encoded.map(({ headers }) => headers[0]?.[1])).toEqual(texts.map((_, index) => `s ${index}`));
    for (const record of encoded)
      expect(recordBytesBound(record)).toBeGreaterThanOrEqual(encodeRecordBatch([record]).length - 61);
  });
});
