import { describe, expect, it } from "vitest";
import { LAGGING_RECORDS } from "../../../core/overview.ts";
import type { ConsumedPartition, ConsumerView } from "../../../core/partition-view.ts";
import { formatShort } from "../../../dashboard/web/model/format-number.ts";
import { consumerCards, lagLevel } from "../../../dashboard/web/model/partition-cards.ts";

const part = (topic: string, partition: number, lag: number, owner: string | null = null): ConsumedPartition => ({
  topic,
  partition,
  position: 100 - lag,
  endOffset: 100,
  lag,
  owner,
});
const two = [
  { id: "m2", label: "beta" },
  { id: "m1", label: "alpha" },
];
const cardsOf = (...consumers: readonly ConsumerView[]) => consumerCards({ at: 1, consumers });

describe("consumerCards", () => {
  it("gives everything to this process when nothing is dealt out", () => {
    const partitions = [part("telemetry", 0, 3), part("telemetry", 1, 4)];
    expect(cardsOf({ name: "stage:main", members: [], partitions })).toMatchObject([
      {
        name: "stage:main",
        title: "Processors",
        lag: 7,
        level: "behind",
        memberCount: null,
        nobodys: 0,
        rows: [{ kind: "process", count: 2, lag: 7 }],
      },
    ]);
  });

  it("sums by member and topic, in the order of the labels, with what is nobody's last", () => {
    const partitions = [
      part("clean", 0, 1, "m1"),
      part("clean", 1, 9, "m1"),
      part("rejects", 1, 2, "m1"),
      part("clean", 2, 5),
    ];
    const [card] = cardsOf({ name: "sink:clickhouse", members: two, partitions });
    expect(card).toMatchObject({ title: "ClickHouse", lag: 17, memberCount: 2, nobodys: 1 });
    expect(card?.rows.map(({ kind, label, count, lag }) => [kind, label, count, lag])).toEqual([
      ["member", "alpha", 3, 12],
      ["member", "beta", 0, 0],
      ["nobody", "nobody", 1, 5],
    ]);
    expect(card?.rows[0]?.topics).toMatchObject([
      { topic: "clean", count: 2, lag: 10, worst: { partition: 1 }, cells: [{ partition: 0 }, { partition: 1 }] },
      { topic: "rejects", count: 1, lag: 2 },
    ]);
  });

  it("takes a consumer without members for nobody's where others have some", () => {
    const [, sink] = cardsOf(
      { name: "stage:main", members: two, partitions: [part("telemetry", 0, 0, "m1")] },
      { name: "sink:notify", members: [], partitions: [part("alarms", 0, 8)] },
    );
    expect(sink).toMatchObject({ title: "Notify", memberCount: 0, nobodys: 1, rows: [{ kind: "nobody", lag: 8 }] });
  });

  it("draws no topic of very many partitions, whoever has how many of them", () => {
    const many = Array.from({ length: 65 }, (_, i) => part("telemetry", i, i, i === 0 ? "m1" : "m2"));
    const [card] = cardsOf({ name: "stage:main", members: two, partitions: [...many, part("control", 0, 0, "m1")] });
    expect(card?.rows.map(({ topics }) => topics.map(({ topic, cells }) => [topic, cells?.length ?? null]))).toEqual([
      [
        ["telemetry", null],
        ["control", 1],
      ],
      [["telemetry", null]],
    ]);
    expect(card?.rows[1]?.topics[0]?.worst).toMatchObject({ partition: 64, lag: 64 });
  });
});

describe("lagLevel and formatShort", () => {
  it("call lagging what the pipeline calls so", () => {
    expect([0, 1, LAGGING_RECORDS, LAGGING_RECORDS + 1].map(lagLevel)).toEqual(
      "current behind behind lagging".split(" "),
    );
  });

  it("say a count in a few characters, and never more than it is", () => {
    expect([0, 9999, 10_000, 999_999, 1_000_000, 2.5e9].map(formatShort)).toEqual("0 9999 10k 999k 1M 2G".split(" "));
  });
});
