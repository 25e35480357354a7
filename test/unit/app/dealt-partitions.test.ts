import { describe, expect, it } from "vitest";
import { dealtPartitions } from "../../../app/threads/dealt-partitions.ts";

/** What the stage's runner was told, in order. */
function joined() {
  const told: string[] = [];
  const dealt = dealtPartitions();
  const member = dealt.groups.join("stage:functions", {
    async take(partitions) {
      told.push(`take ${partitions.join()}`);
      await Promise.resolve();
      told.push("taken");
    },
    async release(partitions) {
      told.push(`release ${partitions.join()}`);
      await Promise.resolve();
      told.push("released");
    },
  });
  return { told, dealt, member };
}

describe("partitions that are dealt out while a thread works", () => {
  it("are none at first", async () => {
    const { told, member } = joined();
    await member.start();
    expect(told).toEqual([]);
  });

  it("come and go one change after the other", async () => {
    const { told, dealt, member } = joined();
    await member.start();
    await Promise.all([dealt.take([0, 2]), dealt.release([2]), dealt.take([4])]);
    expect(told).toEqual(["take 0,2", "taken", "release 2", "released", "take 4", "taken"]);
  });

  it("are not taken twice, and not released when they are somebody else's", async () => {
    const { told, dealt, member } = joined();
    await member.start();
    await dealt.take([1]);
    await dealt.take([1]);
    await dealt.release([3]);
    expect(told).toEqual(["take 1", "taken"]);
  });

  it("are all released when the thread stops", async () => {
    const { told, dealt, member } = joined();
    await member.start();
    await dealt.take([1, 3]);
    await member.stop(AbortSignal.timeout(1000));
    expect(told.slice(2)).toEqual(["release 1,3", "released"]);
  });
});
