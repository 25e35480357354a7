import { expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { KeptBuffer } from "../../../wire/kept-buffer.ts";

const LARGE = LIMITS.keptBufferBytesMax * 4;

test("a buffer keeps what was written when it grows, and its size while it is needed now and then", () => {
  const kept = new KeptBuffer();
  kept.bytes.write("kept");
  kept.reserve(LARGE, 4);
  expect(kept.bytes.toString("utf8", 0, 4)).toBe("kept");
  const { bytes } = kept;
  for (let use = 1; use <= 20_000; use += 1) kept.release(use % 2000 === 0 ? LARGE : 10);
  expect(kept.bytes).toBe(bytes);
});

test("a buffer that one burst has made large is let go when little of it is used for long", () => {
  const kept = new KeptBuffer();
  kept.reserve(LARGE, 0);
  kept.release(LARGE);
  for (let use = 1; use <= 5000; use += 1) kept.release(10);
  expect(kept.bytes.length).toBeLessThan(LIMITS.keptBufferBytesMax);
});
