import { describe, expect, it } from "vitest";
import { HopWatch } from "../../../app/ledger/hops.ts";
import type { LogStatus } from "../../../core/event-log.ts";

const T0 = 1_800_000_000_000;

describe("the hops of the pipeline", () => {
  it("count messages in, without the control records among them", () => {
    const watch = new HopWatch([]);
    watch.look(status({ end: 100, stage: 100 }), 40, T0);
    const [first] = watch.look(status({ end: 130, stage: 130 }), 50, T0 + 2000);
    expect(first).toEqual({ name: "in", ratePerSecond: 10, lag: 0, state: "ok" });
  });

  it("do not call a hop stopped that is only between two inserts", () => {
    const watch = new HopWatch([]);
    watch.look(status({ end: 10, stage: 5 }), 0, T0);
    expect(stage(watch.look(status({ end: 11, stage: 5 }), 0, T0 + 9000))).toMatchObject({ lag: 6, state: "ok" });
  });

  it("call a hop stopped that has had something to do for ten seconds and has not moved", () => {
    const watch = new HopWatch([]);
    watch.look(status({ end: 10, stage: 5 }), 0, T0);
    expect(stage(watch.look(status({ end: 11, stage: 5 }), 0, T0 + 10_000))).toMatchObject({ state: "stopped" });
    expect(stage(watch.look(status({ end: 11, stage: 6 }), 0, T0 + 11_000))).toMatchObject({ state: "ok" });
  });

  it("call a hop lagging that moves, and is far behind", () => {
    const watch = new HopWatch([]);
    watch.look(status({ end: 10_000, stage: 5 }), 0, T0);
    expect(stage(watch.look(status({ end: 10_000, stage: 50 }), 0, T0 + 1000))).toMatchObject({ state: "lagging" });
  });

  it("say that the first hop is stopped while the log takes nothing", () => {
    const watch = new HopWatch([]);
    const [first] = watch.look({ ...status({ end: 10, stage: 10 }), refusing: "it is full" }, 0, T0);
    expect(first?.state).toBe("stopped");
  });

  it("show users' functions once one was deployed", () => {
    const watch = new HopWatch([]);
    const before = status({ end: 10, stage: 10 });
    expect(watch.look(before, 0, T0).map(({ name }) => name)).not.toContain("functions");
    const positions = [{ topic: "readings", partition: 0, offset: 4 }];
    const journals = [
      ...before.journals,
      { name: "stage:functions", partition: 0, epoch: 1, positions, nextTimer: null },
    ];
    const partitions = [...before.partitions, { topic: "readings", partition: 0, startOffset: 0, endOffset: 7 }];
    const hop = watch.look({ ...before, journals, partitions }, 0, T0 + 1000).find(({ name }) => name === "functions");
    expect(hop).toMatchObject({ lag: 3, state: "ok" });
  });

  it("say which are switched off", () => {
    const off = new HopWatch(["clickhouse"])
      .look(status({ end: 1, stage: 1 }), 0, T0)
      .filter((hop) => hop.state === "off");
    expect(off.map(({ name }) => name)).toEqual(["clickhouse"]);
  });
});

function stage(hops: ReturnType<HopWatch["look"]>) {
  return hops.find((hop) => hop.name === "processors");
}

function status(at: { readonly end: number; readonly stage: number }): LogStatus {
  const telemetry = { topic: "telemetry", partition: 0 };
  return {
    partitions: [{ ...telemetry, startOffset: 0, endOffset: at.end }],
    journals: [
      { name: "stage:main", partition: 0, epoch: 1, positions: [{ ...telemetry, offset: at.stage }], nextTimer: null },
    ],
    bytes: 0,
    bytesMax: 1,
    refusing: null,
    deletedTelemetry: {},
  };
}
