import { describe, expect, it } from "vitest";
import { PublishedWork } from "../../../../runtime/autoscaler/published-work.ts";
import type { JournalStatus } from "../../../../core/event-log.ts";

/** What the owner of a partition has told. */
const told = (partition: number, offset: number, worker?: string, busySeconds = 0, threads = 2): JournalStatus => ({
  name: "stage:main",
  partition,
  epoch: 1,
  positions: [{ topic: "telemetry", partition, offset }],
  nextTimer: null,
  ...(worker === undefined ? {} : { work: { worker, busySeconds, threads } }),
});

const after = (...looks: readonly (readonly JournalStatus[])[]): PublishedWork => {
  const work = new PublishedWork();
  for (const look of looks) work.take(look);
  return work;
};

describe("the work that processes tell of", () => {
  it("is what has come since it was first seen, of all workers, once for each", () => {
    const work = after(
      [told(0, 1, "a", 10), told(1, 1, "a", 10), told(2, 1, "b", 500)],
      [told(0, 2, "a", 11), told(1, 2, "a", 12), told(2, 2, "b", 503)],
    );
    expect(work.busySeconds).toBe(5);
    expect(work.threads).toBe(2);
  });

  it("never shrinks when a worker ends and another has its partitions", () => {
    const work = after(
      [told(0, 1, "a", 10), told(1, 1, "b", 20)],
      [told(0, 2, "a", 12), told(1, 2, "b", 21)],
      [told(0, 3, "c", 0.5), told(1, 2, "b", 21)],
      [told(0, 4, "c", 1.5), told(1, 3, "b", 22)],
    );
    expect(work.busySeconds).toBe(5);
  });

  it("is not known while somebody works who does not tell, and again when all do", () => {
    const work = after([told(0, 1, "a", 1), told(1, 1)], [told(0, 2, "a", 2), told(1, 1)]);
    expect(work.busySeconds).toBe(1);
    work.take([told(0, 3, "a", 3), told(1, 2)]);
    expect(work.busySeconds).toBeNull();
    work.take([told(0, 3, "a", 3), told(1, 2)]);
    expect(work.busySeconds).toBeNull();
    work.take([told(0, 4, "a", 4), told(1, 2)]);
    expect(work.busySeconds).toBe(3);
  });

  it("says how many threads the processes have that told last", () => {
    expect(after().threads).toBeNull();
    expect(after([told(0, 1, "a", 1, 4)], [told(0, 2, "b", 1, 2)]).threads).toBe(2);
  });
});
