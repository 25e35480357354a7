import { describe, expect, it } from "vitest";
import {
  dictionaryColumn,
  dictionaryIndexes,
  nativeBlock,
  nativeText,
  numberColumn,
  textColumn,
} from "../../../wire/native-block.ts";
import { readNativeBlock } from "../../support/read-native-block.ts";

describe("nativeBlock", () => {
  it("is counts of columns and rows, then name, type and values of each column", () => {
    const block = nativeBlock(2, [
      numberColumn("n", "UInt16", Uint16Array.of(1, 0x0203)),
      textColumn("s", [nativeText("é"), nativeText("")]),
    ]);
    const [name, type] = [(text: string) => [1, text.charCodeAt(0)], (text: string) => [6, ...Buffer.from(text)]];
    expect([...block]).toEqual(
      [[2, 2], name("n"), type("UInt16"), [1, 0, 3, 2], name("s"), type("String"), [2, 0xc3, 0xa9, 0]].flat(),
    );
  });

  it("has a dictionary in front of the places of its texts: version 1, UInt8 places, keys of its own", () => {
    const block = nativeBlock(3, [dictionaryColumn("lc", ["b", "a"], Uint8Array.of(1, 1, 0))]);
    const uint64 = (low: number, high = 0) => [low, high, 0, 0, 0, 0, 0, 0];
    const head = [1, 3, 2, ...Buffer.from("lc"), 22, ...Buffer.from("LowCardinality(String)")];
    const dictionary = [uint64(1), uint64(0, 6), uint64(2), [1, 98, 1, 97], uint64(3), [1, 1, 0]].flat();
    expect([...block]).toEqual([...head, ...dictionary]);
  });

  it("takes wider places as a dictionary grows", () => {
    const widths = [1, 256, 257, 65_536, 65_537].map((keys) => dictionaryIndexes(keys, 1).BYTES_PER_ELEMENT);
    expect(widths).toEqual([1, 1, 2, 2, 4]);
    for (const count of [1, 256, 257, 65_536, 65_537]) {
      const keys = Array.from({ length: count }, (_, n) => `k${n}`);
      const indexes = dictionaryIndexes(count, 2);
      indexes[1] = count - 1;
      const { columns } = readNativeBlock(nativeBlock(2, [dictionaryColumn("lc", keys, indexes)]));
      expect(columns.get("lc")?.values).toEqual(["k0", `k${count - 1}`]);
    }
  });

  it("writes lengths and counts of any size, and reads views where they begin", () => {
    const long = "x".repeat(300);
    const view = Uint32Array.of(7, 8, 9).subarray(1);
    const columns = [numberColumn("n", "UInt32", view), textColumn("s", [nativeText(long), nativeText("y")])];
    const read = readNativeBlock(nativeBlock(2, columns)).columns;
    expect([read.get("n")?.values, read.get("s")?.values]).toEqual([
      [8, 9],
      [long, "y"],
    ]);
    const many = nativeBlock(70_000, [numberColumn("n", "UInt8", new Uint8Array(70_000))]);
    expect(readNativeBlock(many).rows).toBe(70_000);
    const texts = Array.from({ length: 300_000 }, () => nativeText("z"));
    expect(nativeBlock(texts.length, [textColumn("s", texts)]).length).toBeGreaterThan(2 * texts.length);
  });
});
