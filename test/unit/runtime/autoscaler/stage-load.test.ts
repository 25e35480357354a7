import { describe, expect, it } from "vitest";
import { loadOf } from "../../../../runtime/autoscaler/stage-load.ts";
import { WatchedStage, type Course } from "../../../support/watched-stage.ts";

/** Two replicas that do 1,000 records/s each, and then what the course says. */
function loadAfter(course: Course, seconds = 20) {
  // No more than these, so that nothing is asked for that does not come.
  const stage = new WatchedStage({ partitions: 8, min: 2, max: 2 }, 2);
  stage.watch(60, { arrivals: 1500, busy: 1.5 });
  stage.watch(seconds, course);
  const { at, replicas, ready, sample } = stage;
  return loadOf(stage.state, { at, replicas, ready, sample });
}

describe("the rate of a replica", () => {
  it("is records per second of work, however little there is to do", () => {
    expect(loadAfter({ arrivals: 200, busy: 0.2 })).toMatchObject({ isHeldUp: null });
    expect(loadAfter({ arrivals: 200, busy: 0.2 })?.rate).toBeCloseTo(1000, 0);
  });

  it("is what was observed where replicas were behind and waited all the same", () => {
    const load = loadAfter({ arrivals: 1500, processed: 1000, busy: 1 });
    expect(load?.isHeldUp).toBe(true);
    expect(load?.rate).toBeCloseTo(500, 0);
    expect(load?.busyRate).toBeCloseTo(1000, 0);
  });

  it("is by work again where replicas are behind and do what they can", () => {
    const load = loadAfter({ arrivals: 2500, processed: 2000, busy: 2 });
    expect(load?.isHeldUp).toBe(false);
    expect(load?.rate).toBeCloseTo(1000, 0);
  });

  it("follows work that takes longer than it did", () => {
    const load = loadAfter({ arrivals: 500, busy: 1 }, 200);
    expect(load?.rate).toBeGreaterThan(490);
    expect(load?.rate).toBeLessThan(520);
  });
});

describe("arrivals", () => {
  it("are known over the window and of the latest interval", () => {
    const [partition] = loadAfter({ arrivals: 8000, busy: 2 }, 1)?.partitions ?? [];
    expect(partition?.latestArrivals).toBe(1000);
    expect(partition?.arrivals).toBeGreaterThan(187.5);
    expect(partition?.arrivals).toBeLessThan(400);
  });
});
