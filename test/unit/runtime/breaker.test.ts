import fc from "fast-check";
import { expect, it } from "vitest";
import { Breaker } from "../../../runtime/breaker.ts";

const LIMITS = { windowRecords: 8, recordsMin: 4, trialRecords: 3, pauseMs: 100, pauseMsMax: 500 };

/** What the breaker is held against: written down as a list of all that was worked since it was last closed or tried. */
class Model {
  private since: boolean[] = [];
  private trial = false;
  private pauses = 0;
  private until: number | null = null;

  isPaused(now: number): boolean {
    if (this.until === null) return false;
    if (now < this.until) return true;
    this.until = null;
    this.trial = true;
    this.since = [];
    return false;
  }

  settled(died: boolean, now: number): void {
    this.since.push(died);
    const looked = this.since.slice(-LIMITS.windowRecords);
    if (looked.length < (this.trial ? LIMITS.trialRecords : LIMITS.recordsMin)) return;
    if (looked.filter(Boolean).length > looked.length / 2) {
      this.pauses = this.trial ? this.pauses + 1 : 0;
      this.until = now + Math.min(LIMITS.pauseMsMax, LIMITS.pauseMs * 2 ** this.pauses);
    } else if (this.trial) {
      this.trial = false;
      this.since = [];
    }
  }
}

it("pauses when most of the last records died, and for longer while those that are tried die too: as the model", () => {
  let opened = 0;
  const record = fc.record({ kind: fc.constant("record" as const), died: fc.boolean() });
  const time = fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 600 }) });
  const acts = fc.array(fc.oneof({ weight: 5, arbitrary: record }, time), { maxLength: 200, size: "max" });
  fc.assert(
    fc.property(acts, (happened) => {
      let now = 0;
      const breaker = new Breaker(LIMITS, { now: () => now });
      const model = new Model();
      for (const act of happened) {
        if (act.kind === "time") now += act.ms;
        const paused = model.isPaused(now);
        expect(breaker.waitMs() > 0).toBe(paused);
        if (act.kind !== "record" || paused) continue;
        breaker.settled(act.died);
        model.settled(act.died, now);
        if (breaker.state === "open") opened += 1;
      }
    }),
    { numRuns: 500 },
  );
  // Else the above says little.
  expect(opened).toBeGreaterThan(500);
});

it("says how long to wait, and what has opened it", () => {
  let now = 0;
  const breaker = new Breaker(LIMITS, { now: () => now });
  for (const died of [false, true, true, true]) breaker.settled(died);
  expect(breaker.state).toBe("open");
  expect(breaker.recentDeaths).toEqual({ died: 3, of: 4 });
  now = 40;
  expect(breaker.waitMs()).toBe(60);
  now = 100;
  expect(breaker.waitMs()).toBe(0);
  expect(breaker.state).toBe("trying");
  for (const died of [true, true, true]) breaker.settled(died);
  expect(breaker.waitMs()).toBe(200);
  breaker.reset();
  expect([breaker.state, breaker.waitMs()]).toEqual(["closed", 0]);
  // The next pause is a first one.
  for (const died of [true, true, true, true]) breaker.settled(died);
  expect(breaker.waitMs()).toBe(100);
});
