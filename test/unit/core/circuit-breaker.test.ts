import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CircuitBreaker, type UseResult } from "../../../core/circuit-breaker.ts";

const POLICY = { failuresMax: 3, pauseMsMin: 100, pauseMsMax: 1000 };

function stand(random: () => number = () => 0.999_999) {
  let now = 1_000_000;
  const breaker = new CircuitBreaker(POLICY, { now: () => now }, random);
  return {
    breaker,
    pass: (ms: number) => void (now += ms),
    /** One use, as soon as it may be. */
    use(result: UseResult, pauseMs?: number) {
      now += breaker.waitMs();
      expect(breaker.begin()).toBe(true);
      breaker.end(result, pauseMs);
    },
  };
}

describe("a circuit breaker", () => {
  it("opens after failures in a row, and not after as many with something that worked in between", () => {
    const { breaker, use } = stand();
    use("fails");
    use("fails");
    use("works");
    use("fails");
    use("fails");
    expect(breaker.state).toBe("closed");
    use("fails");
    expect(breaker.state).toBe("open");
    expect(breaker.begin()).toBe(false);
  });

  it("is not opened by what says nothing of the destination", () => {
    const { breaker, use } = stand();
    for (let n = 0; n < 10; n += 1) use("unknown");
    expect(breaker.state).toBe("closed");
    expect(breaker.waitMs()).toBe(0);
  });

  it("waits twice as long each time, up to the ceiling, and as it did in the beginning once it has worked", () => {
    const { breaker, use } = stand();
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      use("fails");
      waits.push(breaker.waitMs());
    }
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000, 1000]);
    use("works");
    use("fails");
    expect(breaker.waitMs()).toBe(100);
  });

  it("waits between half and all of that, and as long as the destination asks", () => {
    const { breaker, use } = stand(() => 0);
    use("fails");
    expect(breaker.waitMs()).toBe(50);
    use("fails", 5000);
    expect(breaker.waitMs()).toBe(5000);
  });

  it("lets one probe through, closes when it works, and knows since when it failed", () => {
    const { breaker, use, pass } = stand();
    for (let n = 0; n < 3; n += 1) use("fails");
    expect(breaker.failingSince).toBe(1_000_000);
    pass(breaker.waitMs());
    expect([breaker.begin(), breaker.state, breaker.begin()]).toEqual([true, "half-open", false]);
    breaker.end("works");
    expect([breaker.state, breaker.failingSince, breaker.begin(), breaker.begin()]).toEqual([
      "closed",
      null,
      true,
      true,
    ]);
  });

  it("is open again at once, and may be tried at once, when the probe was cut off", () => {
    const { breaker, use } = stand();
    for (let n = 0; n < 3; n += 1) use("fails");
    use("unknown");
    expect([breaker.state, breaker.waitMs(), breaker.mayBegin]).toEqual(["open", 0, true]);
  });

  it("does not close by what was begun before it opened, and waits for its end", () => {
    const { breaker, pass } = stand();
    for (let n = 0; n < 4; n += 1) breaker.begin();
    for (let n = 0; n < 3; n += 1) breaker.end("fails");
    pass(60_000);
    expect([breaker.state, breaker.mayBegin]).toEqual(["open", false]);
    breaker.end("works");
    expect([breaker.state, breaker.mayBegin]).toEqual(["open", true]);
  });
});

/** Entries sent through a breaker by several senders at once, in virtual time, to a destination that is away at times. */
it("never has a second use beside the probe, and brings every entry to its end", () => {
  const outcome = fc.constantFrom<UseResult>("works", "fails", "unknown");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("begin" as const) }),
    fc.record({ kind: fc.constant("end" as const), outcome }),
    fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 1500 }) }),
  );
  let probes = 0;
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200, size: "max" }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (steps, random) => {
        const { breaker, pass } = stand(() => random);
        let waiting = 20;
        let underWay = 0;
        let delivered = 0;
        const end = (result: UseResult): void => {
          breaker.end(result);
          underWay -= 1;
          if (result === "works") delivered += 1;
          else waiting += 1;
        };
        const begin = (): void => {
          const before = breaker.state;
          if (waiting === 0 || !breaker.begin()) return;
          waiting -= 1;
          underWay += 1;
          if (before === "open") probes += 1;
        };
        for (const one of steps) {
          if (one.kind === "time") pass(one.ms);
          else if (one.kind === "begin") begin();
          else if (underWay > 0) end(one.outcome);
          if (breaker.state === "half-open") expect(underWay).toBe(1);
          expect(waiting + underWay + delivered).toBe(20);
        }
        // The destination is well from here on.
        for (let turn = 0; delivered < 20; turn += 1) {
          expect(turn).toBeLessThan(100);
          if (underWay > 0) end("works");
          pass(breaker.waitMs());
          begin();
        }
        expect(breaker.state).toBe("closed");
      },
    ),
  );
  expect(probes).toBeGreaterThan(50);
});
