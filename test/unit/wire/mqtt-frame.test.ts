import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MQTT_BREACHES } from "../../../wire/mqtt-breach.ts";
import { MqttFrameWalker, type MqttFrameLimits } from "../../../wire/mqtt-frame.ts";
import {
  DISCONNECT,
  packet,
  PINGREQ,
  rawConnect,
  rawPublish,
  rawSubscribe,
  remainingLength,
} from "../../support/raw-mqtt.ts";

const LIMITS: MqttFrameLimits = {
  packetBytesMax: 2048,
  connectPacketBytesMax: 512,
  payloadBytesMax: 1024,
  mqttTopicBytesMax: 64,
  mqttTopicLevelsMax: 5,
  filtersPerSubscribeMax: 4,
};

/** Walks the chunks; every frame as hex, then the breach if there is one. */
function walk(chunks: readonly Buffer[]): string[] {
  const walker = new MqttFrameWalker(LIMITS);
  const found: string[] = [];
  for (const chunk of chunks) {
    walker.feed(chunk);
    while (walker.next()) found.push(walker.source.toString("hex", walker.start, walker.end));
    if (walker.breach !== null) return [...found, walker.breach];
  }
  return found;
}

function splitAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...edges].map((start, index) => bytes.subarray(start, edges[index] ?? bytes.length));
}

const topic = fc.stringMatching(/^[a-zé/]{1,12}$/).filter((text) => text.split("/").length <= 5);
const validPacket = fc.oneof(
  fc.constantFrom(PINGREQ, packet(0x40, [0, 9])),
  fc
    .tuple(
      topic,
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 1, max: 65_535 }),
      fc.constantFrom(0, 1, 2, 3, 4, 10),
    )
    .map(([name, payload, id, flags]) => rawPublish(name, payload, id, flags)),
  fc.array(topic, { minLength: 1, maxLength: 4 }).map((filters) => rawSubscribe(filters)),
);
const stream = fc.array(validPacket, { maxLength: 12 }).map((packets) => [rawConnect(), ...packets, DISCONNECT]);

describe("the frame walker", () => {
  test("finds the same packets however the stream is cut", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (packets, cuts) => {
        const expected = packets.map((bytes) => bytes.toString("hex"));
        expect(walk(splitAt(Buffer.concat(packets), cuts))).toEqual(expected);
      }),
    );
  });

  test("finds them byte by byte too", () => {
    fc.assert(
      fc.property(stream, (packets) => {
        const bytes = Buffer.concat(packets);
        expect(walk([...bytes].map((byte) => Buffer.of(byte)))).toEqual(packets.map((part) => part.toString("hex")));
      }),
      { numRuns: 30 },
    );
  });

  test("never throws, and answers mutated bytes the same however they are cut", () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(stream, mutations, fc.array(fc.nat()), (packets, changes, cuts) => {
        const bytes = Buffer.concat(packets);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const whole = walk([bytes]);
        expect(walk(splitAt(bytes, cuts))).toEqual(whole);
        for (const found of whole) expect(/^([0-9a-f]{2})+$/.test(found) || found in MQTT_BREACHES).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("never throws on bytes of any kind", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void walk([rawConnect(), Buffer.from(bytes)])));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void walk([packet(0x10, bytes)])),
      {
        numRuns: 1000,
      },
    );
  });

  test.for([1, 2, 8])(
    "walks the first bytes of a buffer only, and keeps what is left of them: all but %i",
    (missing) => {
      const walker = new MqttFrameWalker(LIMITS);
      const packets = [rawConnect(), rawPublish("t", Buffer.from("first")), rawPublish("t", Buffer.from("second"))];
      const payload = (): string => walker.source.toString("utf8", walker.payloadStart, walker.end);
      const shared = Buffer.concat([...packets, rawPublish("t", Buffer.from("stale"))]);
      const length = packets.reduce((sum, bytes) => sum + bytes.length, 0) - missing;
      const rest = Buffer.from(shared.subarray(length, length + missing));
      walker.feed(shared, length);
      expect([walker.next(), walker.next(), payload(), walker.next()]).toEqual([true, true, "first", false]);
      walker.keepRest();
      shared.fill(0xff);
      rest.copy(shared);
      walker.feed(shared, missing);
      expect([walker.next(), payload(), walker.next(), walker.breach]).toEqual([true, "second", false, null]);
    },
  );

  test("keeps packets that were not walked when the buffer is used again", () => {
    const walker = new MqttFrameWalker(LIMITS);
    const payload = (): string => walker.source.toString("utf8", walker.payloadStart, walker.end);
    const packets = ["first", "second", "third"].map((text) => rawPublish("t", Buffer.from(text)));
    const shared = Buffer.concat([rawConnect(), ...packets.slice(0, 2), Buffer.alloc(64, 0xff)]);
    walker.feed(shared, shared.length - 64);
    expect([walker.next(), walker.next(), payload()]).toEqual([true, true, "first"]);
    walker.keepRest();
    shared.fill(0xff);
    packets[2]?.copy(shared);
    walker.feed(shared, packets[2]?.length);
    expect([walker.next(), payload(), walker.next(), payload()]).toEqual([true, "second", true, "third"]);
    expect([walker.next(), walker.breach]).toEqual([false, null]);
  });

  test("refuses a size before the packet is there, and says so again when asked again", () => {
    const walker = new MqttFrameWalker(LIMITS);
    walker.feed(Buffer.concat([Buffer.from([0x10]), remainingLength(512)]));
    expect([walker.next(), walker.breach]).toEqual([false, "packet-too-large"]);
    walker.feed(rawConnect());
    expect([walker.next(), walker.breach]).toEqual([false, "packet-too-large"]);
  });

  test("takes a packet of exactly the ceiling and refuses one byte more", () => {
    const sized = (total: number): Buffer => rawPublish("t".repeat(64), Buffer.alloc(total - 71), 1, 2);
    const limits = { ...LIMITS, payloadBytesMax: 4096 };
    const outcome = (bytes: Buffer): unknown => {
      const walker = new MqttFrameWalker(limits);
      walker.feed(rawConnect());
      walker.next();
      walker.feed(bytes);
      return walker.next() ? walker.end : walker.breach;
    };
    expect(sized(2048)).toHaveLength(2048);
    expect(outcome(sized(2048))).toBe(2048);
    expect(outcome(sized(2049))).toBe("packet-too-large");
  });

  test("takes a will as large as a payload may be and refuses one byte more", () => {
    const limits = { ...LIMITS, payloadBytesMax: 10, connectPacketBytesMax: 2048 };
    const outcome = (length: number): unknown => {
      const walker = new MqttFrameWalker(limits);
      walker.feed(rawConnect({ flags: 0xc6, rest: ["w/t", "x".repeat(length), "user", "pass"] }));
      return walker.next() ? walker.connect?.will?.payload.length : walker.breach;
    };
    expect([outcome(10), outcome(11)]).toEqual([10, "payload-too-large"]);
  });

  test("reads what CONNECT says", () => {
    const walker = new MqttFrameWalker(LIMITS);
    walker.feed(rawConnect({ flags: 0xce, keepAlive: 300, clientId: "c1", rest: ["w/t", "bye", "üser", "pass"] }));
    expect(walker.next()).toBe(true);
    const { type, connect } = walker;
    expect({ type, connect }).toMatchObject({
      type: 1,
      connect: { clientId: "c1", clean: true, keepAliveSeconds: 300, userName: "üser" },
    });
    expect(connect?.will).toMatchObject({ topic: "w/t", qos: 1 });
    expect(Buffer.from(connect?.will?.payload ?? []).toString()).toBe("bye");
    expect(Buffer.from(connect?.password ?? []).toString()).toBe("pass");
  });
});
