import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { CommitPace } from "../../../log/embedded/commit-pace.ts";

const WHOLE = LIMITS.lingerMsMax;
/** As many as come in a linger at the full rate, and more. */
const MANY = 500;

class PacedLoad {
  atMs = 1000;
  readonly pace = new CommitPace(() => this.atMs);
}

/** Groups of many have left one after the other: the running rate is above that of the full linger. */
function underLoad(): PacedLoad {
  const load = new PacedLoad();
  for (let group = 0; group < 20; group += 1) {
    load.atMs += WHOLE;
    load.pace.left(MANY);
    load.pace.landed(MANY / 2);
  }
  return load;
}

describe("the linger of the next group", () => {
  test("is none before anything came, and none for who waits for each of its requests", () => {
    const pace = new CommitPace(() => 0);
    expect(pace.lingerMs()).toBe(0);
    pace.left(1);
    pace.landed(0);
    expect(pace.lingerMs()).toBe(0);
  });

  test("is none again after a load, as soon as one came alone", () => {
    const { pace } = underLoad();
    pace.left(1);
    pace.landed(0);
    expect(pace.lingerMs()).toBe(0);
  });

  test("counts from when the last group left, whatever landed since", () => {
    const load = underLoad();
    load.atMs += 2;
    load.pace.landed(0);
    expect(load.pace.lingerMs()).toBe(WHOLE - 2);
  });

  test("is shorter where less comes", () => {
    const load = new PacedLoad();
    for (let group = 0; group < 50; group += 1) {
      load.atMs += 10;
      load.pace.left(100);
      load.pace.landed(50);
    }
    expect(load.pace.lingerMs()).toBeCloseTo(WHOLE / 2, 3);
  });

  test("counts from the landing of a slow commit, when little came meanwhile", () => {
    const load = underLoad();
    load.atMs += 40;
    load.pace.landed(MANY / 2 - 1);
    expect(load.pace.lingerMs()).toBe(WHOLE);
    load.atMs += 3;
    expect(load.pace.lingerMs()).toBe(WHOLE - 3);
    load.atMs += 10;
    expect(load.pace.lingerMs()).toBe(0);
  });

  test("is none after a slow commit when as much came meanwhile: they have waited long enough", () => {
    const load = underLoad();
    load.atMs += 40;
    load.pace.landed(MANY / 2);
    expect(load.pace.lingerMs()).toBe(0);
  });

  test("knows nothing of a group that nobody waits for", () => {
    const load = underLoad();
    load.atMs += 1;
    load.pace.left(0);
    load.pace.landed(0);
    expect(load.pace.lingerMs()).toBe(WHOLE - 1);
  });

  test("stays within its bounds when the clock jumps", () => {
    const load = underLoad();
    load.atMs -= 1_000_000;
    expect(load.pace.lingerMs()).toBe(WHOLE);
    load.pace.landed(0);
    load.atMs += 5_000_000;
    expect(load.pace.lingerMs()).toBe(0);
  });
});
