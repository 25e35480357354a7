import { describe, expect, it } from "vitest";
import { ByteShelf } from "../../../log/embedded/byte-shelf.ts";

describe("ByteShelf", () => {
  it("keeps what is put on it apart, over many blocks, until it is cleared", () => {
    const shelf = new ByteShelf();
    const sizes = Array.from({ length: 300 }, (_, index) => (index * 997) % 9000);
    const copies = sizes.map((size, index) => shelf.copy(Buffer.alloc(size + 2, index % 251), 1, size + 1));
    for (const [index, copy] of copies.entries()) {
      expect(copy.equals(Buffer.alloc(sizes[index] ?? 0, index % 251))).toBe(true);
    }
  });

  it("uses its memory again after it was cleared, and gives back that of what is larger than a block", () => {
    const shelf = new ByteShelf();
    const first = shelf.room(100);
    const large = shelf.copy(Buffer.alloc(300 * 1024, 7), 0, 300 * 1024);
    expect(large.equals(Buffer.alloc(300 * 1024, 7))).toBe(true);
    shelf.clear();
    expect(shelf.room(100).buffer).toBe(first.buffer);
    expect(large.length).toBe(0);
    expect(shelf.room(300 * 1024).length).toBe(300 * 1024);
  });
});
