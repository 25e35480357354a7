import { expect, test } from "vitest";
import { LiveEnd } from "../../../app/replay/live-end.ts";
import { ENDED_AT } from "../../../core/event-log.ts";
import { madeControlRecord } from "../../../core/made-record.ts";

const MOVED_AT = 50;

/** Of function `f`, which runs in stage `fn-heavy` by the registry, over a partition that ends at 100. */
function liveEnd(positions: Readonly<Record<string, number>>): LiveEnd {
  const journals = Object.entries(positions).map(([stage, offset]) => ({
    name: `stage:${stage}`,
    partition: 0,
    positions: [{ topic: "readings", partition: 0, offset }],
    epoch: 1,
    nextTimer: null,
  }));
  return new LiveEnd({ fn: "f", stage: "fn-heavy", journals, partition: 0, end: 100 });
}

function told(live: LiveEnd, offset: number, stage: string, removed = false, name = "f"): void {
  const fn = { name, version: 1, hash: "", code: "" };
  live.note(madeControlRecord(offset, 0, { v: 1, kind: "deploy", revision: 1, stage, removed, function: fn }));
}

function moved(live: LiveEnd): void {
  told(live, 1, "functions");
  told(live, MOVED_AT, "functions", true);
  told(live, MOVED_AT + 1, "fn-heavy");
}

test("it is the position of the function's own stage, however slow the others are", () => {
  const live = liveEnd({ functions: 3, "fn-slow": 1, "fn-heavy": 90 });
  told(live, 1, "fn-slow", false, "g");
  told(live, 2, "fn-heavy");
  expect(live.offset()).toBe(90);
});

test("a stage that the function has left counts until it has come to where it left", () => {
  for (const [functions, end] of [
    [MOVED_AT - 10, MOVED_AT - 10],
    [MOVED_AT, MOVED_AT],
    [MOVED_AT + 1, 90],
    [ENDED_AT, 90],
  ] as const) {
    const live = liveEnd({ functions, "fn-heavy": 90 });
    moved(live);
    expect(live.offset()).toBe(end);
  }
});

test("a stage that the partition has not been told to leave counts, whatever the registry says", () => {
  const live = liveEnd({ functions: 70, "fn-heavy": 90 });
  told(live, 1, "functions");
  expect(live.offset()).toBe(70);
});

test("where no stage has begun it is the end of what there is", () => {
  expect(liveEnd({ main: 5 }).offset()).toBe(100);
});
