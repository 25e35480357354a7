import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { OutputHash } from "../../../../app/functions/output-hash.ts";
import { outputText } from "../../../../kit/run-records.ts";
import { EncodedRecords } from "../../../../wire/encoded-records.ts";
import { StepSource } from "../../../../wire/step-source.ts";
import type { RecordInput } from "../../../../core/record.ts";

const encoded = new EncodedRecords();
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), fc.string({ maxLength: 200 }));
const large = fc.nat(200_000).map((length) => "ü".repeat(length));
const record: fc.Arbitrary<RecordInput> = fc
  .record({
    timestamp: fc.nat(),
    key: fc.option(text),
    json: fc.oneof({ weight: 20, arbitrary: text }, { weight: 1, arbitrary: large }),
    source: text,
    functionVersion: text,
    controlKind: fc.option(text, { nil: undefined }),
    isEncoded: fc.boolean(),
  })
  .map(({ isEncoded, controlKind, source, ...fields }) => {
    encoded.append({ ...fields, ...(controlKind === undefined ? {} : { controlKind }) }, new StepSource(source), 0);
    const made = encoded.at(0);
    encoded.clear();
    const { timestamp, key, value, headers } = made;
    return isEncoded ? made : { timestamp, key, value, headers };
  });

it("is the hash of the outputs' texts, whether they lie in bytes already or not, and however they are handed over", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), fc.nat(60), (records, cut) => {
      const hash = new OutputHash("readings");
      hash.add(records.slice(0, cut));
      hash.add(records.slice(cut));
      const whole = records.map((one) => outputText({ topic: "readings", record: one })).join("");
      expect(Buffer.from(hash.digest())).toEqual(createHash("sha256").update(whole).digest());
    }),
    { numRuns: 200 },
  );
});
