import { describe, expect, it } from "vitest";
import { writeToStream, type Packet } from "mqtt-packet";
import { PacketLengths } from "../../../sinks/forward/packet-lengths.ts";

/** The lengths, as MQTT counts them, of what is written nowhere before packets of so many bytes. */
function written(...expected: readonly number[]): readonly number[] {
  const lengths: number[] = [];
  const known = new PacketLengths((packet: Packet) => {
    if (packet.cmd === "publish") lengths.push(3 + packet.payload.length);
  });
  for (const bytes of expected) known.expect(bytes);
  return lengths;
}

/** Pools that the buffers of these lengths are cut from, which `mqtt-packet` keeps. */
function poolsOf(lengths: readonly number[]): number {
  const pools = new Set<ArrayBufferLike>();
  for (const length of lengths) {
    const chunks: Buffer[] = [];
    const stream = { write: (chunk: Buffer) => chunks.push(chunk) > 0 };
    const payload = Buffer.alloc(length - 3);
    Reflect.apply(writeToStream, undefined, [
      { cmd: "publish", qos: 0, dup: false, retain: false, topic: "t", payload },
      stream,
    ]);
    // Behind the first byte comes the length.
    const kept = chunks[1];
    if (kept !== undefined) pools.add(kept.buffer);
    // What is cut from pools between two envelopes.
    Buffer.allocUnsafe(Buffer.poolSize / 2 - 1);
    Buffer.allocUnsafe(Buffer.poolSize / 2 - 1);
  }
  return pools.size;
}

describe("packet lengths", () => {
  it("are written before the first packet of their block, and of the next one, which it may reach", () => {
    expect(written(300)).toEqual(Array.from({ length: 512 }, (_, index) => 256 + index));
  });

  it("are written once", () => {
    expect(written(300, 300, 511)).toHaveLength(512);
    expect(written(300, 512)).toHaveLength(768);
  });

  it("begin with the shortest packet there is", () => {
    expect(written(0)[0]).toBe(3);
  });

  it("end where the package keeps none: what has three bytes", () => {
    expect(Math.max(...written(16_383))).toBe(16_383);
    expect(written(16_384, 131_072)).toEqual([]);
  });

  it("leave envelopes of many lengths in a few pools, where each would keep one of its own", () => {
    writeToStream.cacheNumbers = false;
    const unexpected = Array.from({ length: 40 }, (_, index) => 4200 + index * 5);
    expect(poolsOf(unexpected)).toBe(40);
    new PacketLengths(writeToStream).expect(8200);
    expect(poolsOf(Array.from({ length: 40 }, (_, index) => 8200 + index * 5))).toBeLessThan(4);
  });
});
