import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeControl, decodeMessages, encodeControl, encodeMessages } from "../../../broker/redis/link-messages.ts";
import { LIMITS } from "../../../core/limits.ts";

const TOPIC = "millrace/acme/a/telemetry";
const ID = "x".repeat(LIMITS.idCharactersMax);
const LONGEST_TOPIC = `millrace/${ID}/${ID}/telemetry`;
const one = (topic: string, payload = Buffer.from("x")) => encodeMessages([{ topic, message: { qos: 1, payload } }]);

describe("messages between gateways", () => {
  test("come out as they went in", () => {
    const messages = fc.array(
      fc.record({
        topic: fc.constantFrom(TOPIC, "millrace/acme/ä ö/x", "millrace/t/d/"),
        message: fc.record({
          qos: fc.constantFrom(0, 1),
          payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        }),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(messages, (given) => {
        expect(decodeMessages(encodeMessages(given))).toEqual(given);
      }),
    );
  });

  test("are dropped whole when they are cut, longer than they say, or changed in their head", () => {
    const bytes = one(TOPIC);
    for (let length = 0; length < bytes.length; length++) expect(decodeMessages(bytes.subarray(0, length))).toBeNull();
    expect(decodeMessages(Buffer.concat([bytes, Buffer.from("y")]))).toBeNull();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => void decodeMessages(Buffer.from(junk))));
  });

  test("are none on topics that belong to no device, or are too long, or with too large a payload", () => {
    for (const topic of ["$SYS/x/new/clients", "v1/devices/me/telemetry", "millrace/acme", "millrace//a/telemetry"]) {
      expect(decodeMessages(one(topic))).toBeNull();
    }
    expect(decodeMessages(one(LONGEST_TOPIC))).toHaveLength(1);
    expect(decodeMessages(one(`${LONGEST_TOPIC}x`))).toBeNull();
    expect(decodeMessages(one(TOPIC, Buffer.alloc(LIMITS.recordBytesMax)))).toHaveLength(1);
    expect(decodeMessages(one(TOPIC, Buffer.alloc(LIMITS.recordBytesMax + 1)))).toBeNull();
  });
});

test("a topic that is none costs no other message of its batch", () => {
  const message = { qos: 1, payload: Buffer.from("x") } as const;
  const other = { topic: TOPIC, message: { qos: 0, payload: Buffer.from("yz") } } as const;
  const strange = ["$SYS/x", `${LONGEST_TOPIC}x`].map((topic) => ({ topic, message }));
  expect(decodeMessages(encodeMessages([...strange, other, ...strange]))).toEqual([other]);
});

describe("what gateways tell each other", () => {
  test("comes out as it went in", () => {
    const claims = { kind: "claims", from: "g", round: 7, clients: ["acme/a/ü", "acme/a/\u0000"] } as const;
    expect(decodeControl(encodeControl(claims))).toEqual(claims);
  });

  test("is nothing when it is of no known kind", () => {
    for (const text of ["", "{}", '{"kind":"shout","from":"g"}', '{"kind":"alive"}', '{"kind":"alive","from":""}']) {
      expect(decodeControl(Buffer.from(text))).toBeNull();
    }
  });
});
