import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER, type Header } from "../../../core/record.ts";
import {
  compressForwardBatch,
  decodeForwardBatch,
  forwardedRecord,
  isBadEnvelope,
} from "../../../wire/forward-batch.ts";
import { compressRecordBatch } from "../../../wire/record-batch-compression.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import { logRecord } from "../../support/log-records.ts";

const ORIGIN = "abc 7 3 41 1700000000000";
const OF_MQTT: readonly Header[] = [
  [HEADER.mqttTopic, "millrace/default/d/telemetry"],
  [HEADER.clientId, "c"],
  [HEADER.principal, "device:d"],
  [HEADER.format, "tb-json"],
  [HEADER.admissionId, "local.5.17"],
  [HEADER.packetId, "9"],
  [HEADER.qos, "1"],
  [HEADER.dup, "1"],
];

function envelope(records: readonly { key?: string | null; value?: string; headers?: readonly Header[] }[]): Buffer {
  const made = records.map(({ key = "default/d", value = "{}", headers = OF_MQTT }, offset) =>
    forwardedRecord(logRecord({ offset, timestamp: 1, key, value, headers }), ORIGIN),
  );
  return compressForwardBatch(encodeRecordBatch(made));
}

function codeOf(bytes: Buffer): string {
  try {
    decodeForwardBatch(bytes);
    return "none";
  } catch (error) {
    expect(isBadEnvelope(error)).toBe(true);
    return isMillraceError(error) ? error.code : String(error);
  }
}

describe("an envelope of forwarded messages", () => {
  it("keeps the payload byte for byte, and how the device sent it", () => {
    const payload = '{ "t": 1.50, "t": 2e1 }';
    const [message] = decodeForwardBatch(envelope([{ value: payload }]));
    expect(message?.payload.toString()).toBe(payload);
    expect(message).toMatchObject({
      device: "d",
      origin: ORIGIN,
      admissionId: "abc/local/5/17",
      clientId: "c",
      format: "tb-json",
      qos: 1,
      dup: true,
      packetId: "9",
    });
  });

  it("keeps the order, also when it is compressed", () => {
    const many = Array.from({ length: 400 }, (_, n) => ({ value: `{"n":${n}}` }));
    const bytes = envelope(many);
    expect(bytes.length).toBeLessThan(6000);
    expect(decodeForwardBatch(bytes).map(({ payload }) => payload.toString())).toEqual(many.map(({ value }) => value));
  });

  it("has an admission id of the position where the edge has none, and never one with a dot", () => {
    const withId = (id: string) => envelope([{ headers: [[HEADER.admissionId, id]] }]);
    const none = decodeForwardBatch(envelope([{ headers: [] }]));
    expect(none[0]?.admissionId).toBe("abc/at/7/3/41");
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (id) => {
        expect(decodeForwardBatch(withId(id))[0]?.admissionId).not.toContain(".");
      }),
    );
  });

  it("keeps clients of a field gateway of the edge apart from the device's own", () => {
    const via = (principal: string): readonly Header[] => [
      [HEADER.clientId, "c"],
      [HEADER.principal, principal],
    ];
    const clients = decodeForwardBatch(envelope([{ headers: via("device:d") }, { headers: via("device:box") }]));
    expect(clients.map(({ clientId }) => clientId)).toEqual(["c", "box/c"]);
  });

  it("names no device where the key does not", () => {
    const keys = [null, "", "d", "a/b/c", "/d", "t/ "];
    const devices = decodeForwardBatch(envelope(keys.map((key) => ({ key })))).map(({ device }) => device);
    expect(devices).toEqual(keys.map(() => null));
  });

  it("takes nothing that does not say where it comes from", () => {
    const record = { key: "default/d", timestamp: 1, value: Buffer.from("{}") };
    expect(codeOf(encodeRecordBatch([{ ...record, headers: [] }]))).toBe("BATCH_CORRUPT");
    expect(codeOf(encodeRecordBatch([{ ...record, headers: [[HEADER.forwarded, "me 1 2 3 4"]] }]))).toBe(
      "BATCH_CORRUPT",
    );
  });

  it("takes no admission id that is too long to be kept", () => {
    const long = "x".repeat(LIMITS.forwardAdmissionIdCharactersMax);
    expect(codeOf(envelope([{ headers: [[HEADER.admissionId, long]] }]))).toBe("BATCH_CORRUPT");
  });

  it("takes no more messages, and no more bytes when it is expanded, than an edge sends", () => {
    const empty = (count: number) => envelope(Array.from({ length: count }, () => ({ value: "" })));
    expect(codeOf(empty(LIMITS.forwardBatchRecordsMax))).toBe("none");
    expect(codeOf(empty(LIMITS.forwardBatchRecordsMax + 1))).toBe("BATCH_TOO_LARGE");
    const zeros = Buffer.alloc(LIMITS.forwardExpandedBytesMax);
    const headers: readonly Header[] = [[HEADER.forwarded, ORIGIN]];
    const bomb = compressRecordBatch(
      encodeRecordBatch([{ key: "default/d", timestamp: 1, value: zeros, headers }]),
      "zstd",
    );
    expect(bomb.length).toBeLessThan(1000);
    expect(codeOf(bomb)).toBe("BATCH_TOO_LARGE");
  });

  it("takes no message that is larger than an edge can be set to take", () => {
    const of = (bytes: number) => envelope([{ value: "a".repeat(bytes) }]);
    expect(codeOf(of(LIMITS.forwardPayloadBytesMax))).toBe("none");
    expect(codeOf(of(LIMITS.forwardPayloadBytesMax + 1))).toBe("BATCH_TOO_LARGE");
  });

  it("answers any bytes with an error of its own", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(Buffer.from(bytes))).toMatch(/^BATCH_/);
      }),
    );
    const good = envelope([{}, {}, {}]);
    const places = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(places, ([at, change]) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ change;
        expect(codeOf(bad)).toMatch(/^(?:BATCH_\w+|none)$/);
      }),
    );
  });
});
