import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../../core/metrics.ts";
import { createTokenWatch, type TokenAnswer } from "../../../broker/token-watch.ts";

const LIMITS = {
  rememberedTokensMax: 100,
  rememberedRefusalsMax: 100,
  refusedTokensPerAddressMax: 10,
  refusedTokensPerSecondPerAddressMax: 1,
  refusalsPerTokenMax: 3,
  refusedTokenWaitMs: 1000,
  refusedTokenWaitMsMax: 8000,
};

function makeWatch(limits: Partial<typeof LIMITS> = {}) {
  const clock = { now: 0 };
  const metrics = createMetrics();
  const watch = createTokenWatch({ limits: { ...LIMITS, ...limits }, metrics, nowMs: () => clock.now });
  const forgotten = (what: string): number =>
    metrics.snapshot().find(({ labels }) => labels["what"] === what)?.value ?? 0;
  /** Looks the token up if it may be: what became of it. */
  const attempt = (token: string, answer: TokenAnswer, network = "net"): string => {
    const question = watch.ask(token, network);
    if (typeof question === "string") return question;
    question.answered(answer);
    return answer;
  };
  return { clock, watch, attempt, forgotten };
}

describe("a token that is refused", () => {
  test("is looked up a few times at once, then after a wait that doubles up to its longest", () => {
    const { clock, attempt } = makeWatch();
    const lookedUpAt: number[] = [];
    for (clock.now = 0; clock.now < 40_000; clock.now += 100) {
      if (attempt("wrong", "refused") === "refused") lookedUpAt.push(clock.now);
    }
    expect(lookedUpAt).toEqual([0, 100, 200, 1200, 3200, 7200, 15_200, 23_200, 31_200, 39_200]);
    expect(attempt("wrong", "refused")).toBe("credentials-refused-again");
  });

  test("is a new one again after a long while without it, and when it was accepted", () => {
    const { clock, attempt } = makeWatch();
    for (let i = 0; i < 3; i++) attempt("wrong", "refused");
    expect(attempt("wrong", "refused")).toBe("credentials-refused-again");
    clock.now = 80_000;
    for (let i = 0; i < 3; i++) expect(attempt("wrong", "refused")).toBe("refused");
    clock.now += 1000;
    expect(attempt("wrong", "accepted")).toBe("accepted");
    for (let i = 0; i < 3; i++) expect(attempt("wrong", "refused")).toBe("refused");
  });

  test("keeps no other token of its address back, and is slow from other addresses too", () => {
    const { attempt } = makeWatch();
    for (let i = 0; i < 20; i++) attempt("wrong", "refused");
    expect(attempt("right", "accepted")).toBe("accepted");
    expect(attempt("wrong", "refused", "elsewhere")).toBe("credentials-refused-again");
  });

  test("a registry that cannot answer refuses nothing", () => {
    const { attempt } = makeWatch();
    for (let i = 0; i < 50; i++) expect(attempt(`token-${i % 2}`, "unanswered")).toBe("unanswered");
  });
});

describe("an address from which tokens are guessed", () => {
  test("gets as many of them looked up as the burst and the rate allow, and others are not concerned", () => {
    const { clock, attempt } = makeWatch();
    let lookedUp = 0;
    for (let i = 0; i < 10_000; i++) {
      clock.now = i * 10;
      if (attempt(`guess-${i}`, "refused") === "refused") lookedUp += 1;
    }
    expect(lookedUp).toBeLessThanOrEqual(10 + 100);
    expect(attempt("guess", "refused")).toBe("credentials-guessed");
    expect(attempt("new", "accepted", "elsewhere")).toBe("accepted");
  });

  test("keeps no device out that was accepted before", () => {
    const { attempt } = makeWatch();
    attempt("known", "accepted");
    for (let i = 0; i < 100; i++) attempt(`guess-${i}`, "refused");
    expect(attempt("unknown", "accepted")).toBe("credentials-guessed");
    for (let i = 0; i < 100; i++) expect(attempt("known", "accepted")).toBe("accepted");
  });

  test("lets new devices in as soon as it is over", () => {
    const { clock, attempt } = makeWatch();
    for (let i = 0; i < 100; i++) attempt(`guess-${i}`, "refused");
    clock.now = 1000;
    expect(attempt("new", "accepted")).toBe("accepted");
  });

  test("wrong devices behind it, however many, do not keep a new one out once each has been refused", () => {
    const { clock, attempt } = makeWatch();
    for (let round = 0; round < 200; round++) {
      clock.now = round * 5000;
      for (let device = 0; device < 50; device++) attempt(`wrong-${device}`, "refused");
    }
    expect(attempt("new", "accepted")).toBe("accepted");
  });

  test("is forgiven for each new device that is accepted", () => {
    const { attempt } = makeWatch();
    for (let i = 0; i < 9; i++) attempt(`wrong-${i}`, "refused");
    for (let i = 0; i < 9; i++) attempt(`right-${i}`, "accepted");
    for (let i = 0; i < 9; i++) expect(attempt(`other-${i}`, "refused")).toBe("refused");
  });

  test("cannot have many guesses under way at once once it has used up half", () => {
    const { watch, attempt } = makeWatch();
    for (let i = 0; i < 5; i++) attempt(`wrong-${i}`, "refused");
    const asked = Array.from({ length: 20 }, (_, i) => watch.ask(`guess-${i}`, "net"));
    expect(asked.filter((question) => typeof question !== "string")).toHaveLength(5);
  });

  test("may have any number under way before that: a few wrong ones are no guesses", () => {
    const { watch, attempt } = makeWatch();
    for (let i = 0; i < 4; i++) attempt(`wrong-${i}`, "refused");
    const asked = Array.from({ length: 50 }, (_, i) => watch.ask(`right-${i}`, "net"));
    expect(asked.every((question) => typeof question !== "string")).toBe(true);
  });

  test("without refusals any number is looked up at once, as when a gateway starts again", () => {
    const { watch } = makeWatch();
    const asked = Array.from({ length: 5000 }, (_, i) => watch.ask(`right-${i}`, "net"));
    expect(asked.every((question) => typeof question !== "string")).toBe(true);
  });
});

test("a token that was accepted and then is not any more costs its address nothing", () => {
  const { attempt } = makeWatch();
  for (let i = 0; i < 50; i++) attempt(`device-${i}`, "accepted");
  for (let i = 0; i < 50; i++) expect(attempt(`device-${i}`, "refused")).toBe("refused");
  expect(attempt("new", "accepted")).toBe("accepted");
});

describe("what is remembered is bounded", () => {
  test("of tokens that were accepted", () => {
    const { attempt, forgotten } = makeWatch({ rememberedTokensMax: 2 });
    for (const token of ["first", "second", "first", "third"]) attempt(token, "accepted");
    for (let i = 0; i < 20; i++) attempt(`guess-${i}`, "refused");
    const again = ["first", "second", "third"].map((token) => attempt(token, "unanswered"));
    expect(again).toEqual(["unanswered", "credentials-guessed", "unanswered"]);
    expect(forgotten("accepted-token")).toBe(1);
  });

  test("of tokens that were refused, and of addresses from which they came", () => {
    const { attempt, forgotten } = makeWatch({ rememberedRefusalsMax: 2, refusalsPerTokenMax: 1 });
    for (const token of ["first", "second", "third"]) attempt(token, "refused", `of ${token}`);
    const again = ["first", "second", "third"].map((token) => attempt(token, "unanswered"));
    expect(again).toEqual(["unanswered", "credentials-refused-again", "credentials-refused-again"]);
    expect([forgotten("refused-token"), forgotten("address")]).toEqual([1, 1]);
  });
});

test("whatever is presented, a right token is never kept out for longer than the longest wait in a quiet address", () => {
  const tokens = fc.array(fc.record({ token: fc.nat(20), afterMs: fc.nat(500) }), { maxLength: 300 });
  fc.assert(
    fc.property(tokens, (attempts) => {
      const { clock, attempt } = makeWatch();
      for (const { token, afterMs } of attempts) {
        clock.now += afterMs;
        attempt(`token-${token}`, "refused");
      }
      clock.now += LIMITS.refusedTokenWaitMsMax;
      expect(attempt("token-0", "accepted")).toBe("accepted");
      expect(attempt("new", "accepted")).toBe("accepted");
    }),
  );
});
