import { describe, expect, it } from "vitest";
import { murmur2, partitionOf } from "../../../core/partitioner.ts";

/** From org.apache.kafka.common.utils.UtilsTest.testMurmur2. */
const JAVA: readonly [text: string, hash: number][] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

describe("murmur2", () => {
  it.each(JAVA)("of %j is what Kafka's Java client says", (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });
});

describe("the partition of a key", () => {
  it("is the hash without its sign bit, modulo the number of partitions", () => {
    for (const [text, hash] of JAVA) expect(partitionOf(text, 32)).toBe((hash & 0x7fffffff) % 32);
  });

  it("is there for every key and number of partitions", () => {
    for (const key of ["", "a", "ü/ß", "default/cold-room-1", "x".repeat(257)]) {
      for (const count of [1, 2, 7, 32, 1024]) {
        const partition = partitionOf(key, count);
        expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
      }
    }
  });

  it("spreads devices over all partitions", () => {
    const used = new Set(Array.from({ length: 1000 }, (_, index) => partitionOf(`default/device-${index}`, 32)));
    expect(used.size).toBe(32);
  });
});
