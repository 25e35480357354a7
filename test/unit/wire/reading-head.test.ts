import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceKey } from "../../../core/ids.ts";
import { decodeRecordBatch } from "../../../wire/record-batch-reader.ts";
import { RecordBatchWriter } from "../../../wire/record-batch-writer.ts";
import { ReadingHead } from "../../../wire/reading-head.ts";
import { readReading } from "../../../wire/reading-reader.ts";
import type { Reading } from "../../../core/derived-records.ts";

const id = fc.stringMatching(/^[A-Za-z0-9_:-]{1,12}$/);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string({ unit: "binary" }),
);
const reading = fc.record(
  {
    v: fc.constant(1 as const),
    tenant: id,
    device: id,
    ts: fc.nat(2 ** 45),
    received: fc.nat(2 ** 45),
    tsFromReceive: fc.boolean(),
    metrics: fc.dictionary(fc.stringMatching(/^[a-zµ"]{1,5}$/), value, { maxKeys: 4 }),
    revision: fc.integer({ min: 1, max: 9 }),
  },
  { requiredKeys: ["v", "tenant", "device", "ts", "received", "metrics"] },
);
const recordOf = (one: Reading, json = JSON.stringify(one)) => ({
  key: deviceKey(one.tenant, one.device),
  value: Buffer.from(json),
});

/** As the log gives it: among others, and without a view of its value. */
function loggedRecord(record: { key: string; value: Uint8Array }) {
  const writer = new RecordBatchWriter();
  writer.append({ timestamp: 1, key: "t/before", value: Buffer.from("{}"), headers: [["src", "x"]] });
  writer.append({ timestamp: 1, ...record, headers: [["src", "x"]] });
  const [, logged] = decodeRecordBatch(writer.finish(0)).records;
  if (logged === undefined) throw new Error("no record");
  return logged;
}

describe("the head of a reading", () => {
  const head = new ReadingHead();

  it("says what the reading says, in a record of the log and in one that was made", () => {
    fc.assert(
      fc.property(reading, (one) => {
        for (const record of [recordOf(one), loggedRecord(recordOf(one))]) {
          expect(head.read(record)).toBe(true);
          expect([head.key, head.ts, head.received]).toEqual([record.key, one.ts, one.received]);
          expect([head.tsFromReceive, head.isRevision]).toEqual([
            one.tsFromReceive === true,
            one.revision !== undefined,
          ]);
          expect(head.metrics()).toEqual(readReading(record)?.metrics);
        }
      }),
    );
  });

  it("is read of what somebody wrote in another way, and without a key", () => {
    const json = '{"metrics":{"t": 2e1},"tenant":"t","device":"d","received":2,"ts":1,"v":1}';
    expect(head.read({ key: null, value: Buffer.from(json) })).toBe(true);
    expect([head.key, head.ts, head.received, head.metrics()]).toEqual(["t/d", 1, 2, { t: 20 }]);
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{bad"],
    ["no reading", '{"v":1}'],
    ["a foreign version", '{"v":2,"tenant":"t","device":"d","ts":1,"received":2,"metrics":{}}'],
    [
      "metrics that are none, written in another way",
      '{"v":1,"tenant":"t","device":"d","ts":1, "received":2,"metrics":{"a":[]}}',
    ],
  ])("is not read of %s", (_, json) => {
    expect(head.read({ key: "t/d", value: Buffer.from(json) })).toBe(false);
  });

  it.each(['{"a":[1]}', '{"a":null}', '{"a":1', '{"__proto__":1}', '{"":1}', "{1}", '{"a":1}}'])(
    "has no metrics where %s stands for them",
    (metrics) => {
      const json = `{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"metrics":${metrics}}`;
      const isRead = head.read({ key: "t/d", value: Buffer.from(json) });
      expect(isRead ? head.metrics() : null).toBeNull();
    },
  );
});
