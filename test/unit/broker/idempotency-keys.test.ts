import { describe, expect, it } from "vitest";
import { createIdempotencyKeys } from "../../../broker/idempotency-keys.ts";

const OWNER = ["default/a"];
const BODY = Buffer.from("{}");
const counter = { add: () => undefined };
const once = (keys: ReturnType<typeof createIdempotencyKeys>, key: string, append: () => Promise<void>) =>
  keys.once(OWNER, key, BODY, append);
const lands = () => Promise.resolve();

describe("idempotency keys", () => {
  it("answer a repetition while the first is under way, and after it has landed", async () => {
    const keys = createIdempotencyKeys(10, counter);
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = once(keys, "k", () => promise);
    const second = once(keys, "k", () => Promise.reject(new Error("appended twice")));
    resolve();
    expect(await Promise.all([first, second])).toEqual(["admitted", "repeated"]);
    expect(await once(keys, "k", () => Promise.reject(new Error("appended twice")))).toBe("repeated");
  });

  it("let whoever waits fail with the first, and are free again", async () => {
    const keys = createIdempotencyKeys(10, counter);
    const { promise, reject } = Promise.withResolvers<void>();
    const both = Promise.allSettled([once(keys, "k", () => promise), once(keys, "k", lands)]);
    reject(new Error("LOG_FULL"));
    expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await once(keys, "k", lands)).toBe("admitted");
  });

  it("forget the oldest where there are more than allowed", async () => {
    const keys = createIdempotencyKeys(2, counter);
    for (const key of ["a", "b", "c"]) await once(keys, key, lands);
    expect(await once(keys, "c", lands)).toBe("repeated");
    expect(await once(keys, "a", lands)).toBe("admitted");
  });
});
