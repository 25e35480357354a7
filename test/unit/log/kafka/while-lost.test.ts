import { expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { whileLost } from "../../../../log/kafka/while-lost.ts";

test("what brokers that are away refuse is tried until they are back, or for so long", async () => {
  let calls = 0;
  const lost = new MillraceError("LOG_LOST", "no leader");
  const work = (until: number) => async () => {
    calls += 1;
    if (calls < until) throw lost;
    return calls;
  };
  expect(await whileLost(10_000, work(3))).toBe(3);
  calls = 0;
  await expect(whileLost(300, work(1000))).rejects.toBe(lost);
  expect(calls).toBeGreaterThan(1);
});

test("what no further attempt changes is tried once", async () => {
  let calls = 0;
  const refused = whileLost(10_000, () => {
    calls += 1;
    return Promise.reject(new MillraceError("CONFIG_INVALID", "another installation"));
  });
  await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(calls).toBe(1);
});
