import { describe, expect, it } from "vitest";
import { partitionsText } from "../../../../app/commands/partitions.ts";
import type { ConsumerView, PartitionView } from "../../../../core/partition-view.ts";

const MEMBER = { id: "a", label: "millrace processors one" };

/** As many partitions as there are lags; each belongs to the member, when there is one, but those that are named. */
function consumer(name: string, lags: readonly number[], member?: typeof MEMBER, nobodys: readonly number[] = []) {
  const partitions = lags.map((lag, partition) => ({
    topic: "telemetry",
    partition,
    position: 100,
    endOffset: 100 + lag,
    lag,
    owner: member === undefined || nobodys.includes(partition) ? null : member.id,
  }));
  return { name, members: member === undefined ? [] : [member], partitions };
}

function text(consumers: readonly ConsumerView[], all = false): string {
  const view: PartitionView = { at: 0, consumers };
  return partitionsText(view, all);
}

const calm = Array.from({ length: 64 }, () => 0);

describe("millrace partitions", () => {
  it("prints a line for each consumer, and no partition when all is well", () => {
    expect(text([consumer("stage:main", calm), consumer("sink:notify", [0])])).toBe(
      [
        "consumer     partitions  behind  lag  worked by",
        "stage:main           64       0    0  this process",
        "sink:notify           1       0    0  this process",
        "",
        "No partition is behind or without a worker. See each with --all.",
      ].join("\n"),
    );
  });

  it("prints those that are behind, and before them those that nobody works on, the worst first", () => {
    const lines = text([consumer("stage:main", [0, 5, 0, 70, 2], MEMBER, [2, 4])]).split("\n");
    expect(lines[1]).toMatch(/^stage:main +5 +3 +77 +1 member, 2 by nobody$/);
    expect(lines.slice(4)).toEqual([
      expect.stringMatching(/telemetry\/4 +100 +2 +nobody$/),
      expect.stringMatching(/telemetry\/2 +100 +0 +nobody$/),
      expect.stringMatching(/telemetry\/3 +100 +70 +millrace processors one$/),
      expect.stringMatching(/telemetry\/1 +100 +5 +millrace processors one$/),
    ]);
  });

  it("prints 20 of them, and how many more there are", () => {
    const lags = Array.from({ length: 64 }, (_, index) => index);
    const lines = text([consumer("stage:main", lags)]).split("\n");
    expect(lines.filter((line) => line.includes("telemetry/"))).toHaveLength(20);
    expect(lines[4]).toContain("telemetry/63");
    expect(lines.at(-1)).toBe("43 more: --all");
    expect(text([consumer("stage:main", lags.slice(0, 21))])).not.toContain("more");
  });

  it("prints each with --all, in its order", () => {
    const lines = text([consumer("stage:main", [0, 3]), consumer("sink:notify", calm)], true).split("\n");
    expect(lines.filter((line) => line.includes("telemetry/"))).toHaveLength(66);
    expect(lines[5]).toMatch(/^stage:main +telemetry\/0 /);
  });

  it("says nobody of a consumer without members where others have some", () => {
    expect(text([consumer("stage:main", [0], MEMBER), consumer("sink:notify", [0])])).toMatch(
      /sink:notify +telemetry\/0 +100 +0 +nobody/,
    );
  });
});
