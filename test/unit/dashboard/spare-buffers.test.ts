import { describe, expect, it } from "vitest";
import { SpareBuffers } from "../../../dashboard/spare-buffers.ts";

describe("SpareBuffers", () => {
  it("gives what came back to who wants as much", () => {
    const spares = new SpareBuffers();
    const one = spares.take(300);
    expect(one.length).toBe(512);
    spares.give(one);
    expect(spares.take(200)).not.toBe(one);
    expect(spares.take(512)).toBe(one);
    expect(spares.take(512)).not.toBe(one);
  });

  it("gives what is larger than its sizes as it is asked for, and keeps nothing of it", () => {
    const spares = new SpareBuffers();
    const large = spares.take(70_000);
    expect(large.length).toBe(70_000);
    spares.give(large);
    expect(spares.take(70_000)).not.toBe(large);
  });

  it("keeps nothing that is not of one of its sizes: of no bytes, or a part of another buffer", () => {
    const spares = new SpareBuffers();
    for (const foreign of [Buffer.alloc(0), Buffer.alloc(255), Buffer.alloc(300)]) spares.give(foreign);
    expect(spares.take(1).length).toBe(256);
    expect(spares.take(300).length).toBe(512);
  });

  it("keeps a mebibyte at most", () => {
    const spares = new SpareBuffers();
    const taken = Array.from({ length: 40 }, () => spares.take(65_536));
    for (const buffer of taken) spares.give(buffer);
    const known = new Set(taken);
    const again = Array.from({ length: 40 }, () => spares.take(65_536));
    expect(again.filter((buffer) => known.has(buffer)).length).toBe(16);
  });
});
