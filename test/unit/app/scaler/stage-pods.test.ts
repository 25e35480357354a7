import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundsInThreads, podsOf, threadsOf } from "../../../../app/scaler/stage-pods.ts";
import { replicaChoices } from "../../../../runtime/autoscaler/needed-replicas.ts";

const shapes = fc.record({
  partitions: fc.integer({ min: 1, max: 200 }),
  threadsPerPod: fc.integer({ min: 1, max: 12 }),
});

describe("pods of threads", () => {
  it("count no threads that take nothing off the others", () => {
    const shape = { partitions: 32, threadsPerPod: 4 };
    expect([0, 1, 2, 3, 4, 5, 8].map((pods) => threadsOf(pods, shape))).toEqual([0, 4, 8, 11, 16, 16, 32]);
    expect([0, 4, 8, 11, 16, 32].map((threads) => podsOf(threads, shape))).toEqual([0, 1, 2, 3, 4, 8]);
  });

  it("are as many again after every choice that a decision may make", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 300 }), (shape, min, max) => {
        const bounds = boundsInThreads({ min, max: Math.max(min, max) }, shape);
        for (const threads of replicaChoices(bounds)) {
          expect(threadsOf(podsOf(threads, shape), shape)).toBe(threads);
          expect(threads).toBeLessThanOrEqual(shape.partitions);
        }
        expect(replicaChoices(bounds).at(-1)).toBe(bounds.max);
      }),
    );
  });

  it("may be as many as partitions allow where nobody says how many", () => {
    expect(boundsInThreads({ min: 0, max: null }, { partitions: 32, threadsPerPod: 4 })).toEqual({
      partitions: 32,
      min: 0,
      max: 32,
      together: 4,
    });
  });
});
