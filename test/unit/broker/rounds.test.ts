import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRounds } from "../../../broker/redis/rounds.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function open() {
  const seen = { late: 0, ended: false };
  const rounds = createRounds(1000, () => void seen.late++);
  const round = rounds.open();
  void round.ended.then(() => (seen.ended = true));
  return { seen, rounds, round };
}

test("a round ends when all others have acknowledged, and is not late then", async () => {
  const { seen, rounds, round } = open();
  round.run(Promise.resolve(3));
  await vi.advanceTimersByTimeAsync(500);
  rounds.acknowledged(round.number);
  await vi.advanceTimersByTimeAsync(0);
  expect(seen).toEqual({ late: 0, ended: false });
  rounds.acknowledged(round.number);
  await vi.advanceTimersByTimeAsync(5000);
  expect(seen).toEqual({ late: 0, ended: true });
});

test("a round that somebody does not acknowledge ends after gatewayWaitMs, late", async () => {
  const { seen, rounds, round } = open();
  round.run(Promise.resolve(3));
  rounds.acknowledged(round.number);
  await vi.advanceTimersByTimeAsync(999);
  expect(seen).toEqual({ late: 0, ended: false });
  await vi.advanceTimersByTimeAsync(1);
  expect(seen).toEqual({ late: 1, ended: true });
});
