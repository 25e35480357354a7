import { describe, expect, it } from "vitest";
import { createReceiveClock, systemClock } from "../../../core/clock.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Clock } from "../../../core/clock.ts";

const T0 = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const { receiveClockStepMsMax: STEP, receiveClockSettleMs: SETTLE } = LIMITS;

/** A machine whose wall clock somebody sets. */
function machine(): {
  readonly clock: Clock;
  pass(ms: number): void;
  stepWall(ms: number): void;
  /** Time since the start, were all clocks right. */
  sinceStart(): number;
} {
  let uptime = 5000;
  let wall = T0;
  const clock = createReceiveClock({ now: () => wall }, () => uptime);
  return {
    clock,
    pass(ms) {
      uptime += ms;
      wall += ms;
    },
    stepWall: (ms) => void (wall += ms),
    sinceStart: () => clock.now() - T0,
  };
}

describe("the receive clock", () => {
  it("runs with the wall clock", () => {
    const { pass, sinceStart } = machine();
    pass(1500.75);
    expect(sinceStart()).toBe(1500);
    pass(HOUR);
    expect(sinceStart()).toBe(HOUR + 1500);
  });

  it("keeps counting through sleep, which uptime and wall clock both saw", () => {
    const { pass, sinceStart } = machine();
    pass(9 * HOUR);
    expect(sinceStart()).toBe(9 * HOUR);
  });

  it.each([HOUR, -HOUR, STEP + 1, -STEP - 1])("does not believe a step of %i ms that is taken back", (step) => {
    const { pass, stepWall, sinceStart } = machine();
    stepWall(step);
    for (let passed = 0; passed < SETTLE; passed += 1000) {
      expect(sinceStart()).toBe(passed);
      pass(1000);
    }
    stepWall(-step);
    expect(sinceStart()).toBe(SETTLE);
    pass(2 * SETTLE);
    expect(sinceStart()).toBe(3 * SETTLE);
  });

  it.each([HOUR, -HOUR])("follows a step of %i ms that has lasted", (step) => {
    const { pass, stepWall, sinceStart } = machine();
    stepWall(step);
    expect(sinceStart()).toBe(0);
    pass(SETTLE - 1);
    expect(sinceStart()).toBe(SETTLE - 1);
    pass(1);
    expect(sinceStart()).toBe(SETTLE + step);
    pass(1000);
    expect(sinceStart()).toBe(SETTLE + step + 1000);
  });

  it("follows a small step ahead at once", () => {
    const { stepWall, sinceStart } = machine();
    stepWall(STEP);
    expect(sinceStart()).toBe(STEP);
  });

  it("stands still after a small step back until the wall clock is there again", () => {
    const { pass, stepWall, sinceStart } = machine();
    pass(10_000);
    expect(sinceStart()).toBe(10_000);
    stepWall(-3000);
    pass(1000);
    expect(sinceStart()).toBe(10_000);
    pass(2000);
    expect(sinceStart()).toBe(10_000);
    pass(1);
    expect(sinceStart()).toBe(10_001);
  });

  it("does not believe a wall clock that never says the same time for long", () => {
    const { pass, stepWall, sinceStart } = machine();
    let sign = 1;
    for (let passed = 0; passed < 5 * SETTLE; passed += 1000) {
      stepWall(sign * HOUR);
      sign = -sign;
      expect(Math.abs(sinceStart() - passed)).toBeLessThanOrEqual(STEP);
      pass(1000);
      stepWall(sign * 2 * HOUR);
      stepWall(-sign * 2 * HOUR);
    }
    stepWall(3 * HOUR);
    pass(SETTLE / 2);
    sinceStart();
    stepWall(2 * HOUR);
    pass(SETTLE / 2 + 1);
    expect(sinceStart()).toBeLessThan(HOUR);
  });
});

describe("the system clock", () => {
  it("is the wall clock", () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });
});
