import { describe, expect, it } from "vitest";
import { backtest } from "../../../../app/functions/backtest.ts";
import { Comparison } from "../../../../app/functions/comparison.ts";
import { defineStream, tumbling, z } from "../../../../kit/function.ts";
import { logRecord } from "../../../support/log-records.ts";
import type { PastReading, ReadingHistory } from "../../../../app/functions/history/reading-history.ts";
import type { Reading } from "../../../../core/derived-records.ts";

const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;
const RANGE = { from: START, to: START + 60 * MINUTE };

/** Derives readings, events and results of windows, so that outputs of several topics alternate. */
const count = defineStream({
  name: "count",
  input: z.object({ a: z.number() }),
  state: z.object({ n: z.number() }),
  initial: () => ({ n: 0 }),
  process({ metrics: { a } }, { n }, context) {
    if (a % 3 === 0) context.event(`a third of ${a}`);
    return { state: { n: n + 1 }, emit: { n: n + 1, twice: 2 * a } };
  },
});
const sums = defineStream({
  name: "sums",
  input: z.object({ a: z.number() }),
  window: tumbling("10min"),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }, { metrics: { a } }) => ({ sum: sum + a }),
  result: ({ sum }) => ({ sum }),
});

const readingOf = (minute: number, metrics: Reading["metrics"]): Reading => {
  const ts = START + minute * MINUTE;
  return { v: 1, tenant: "default", device: "one", ts, received: ts, metrics };
};

function past(offset: number, value: Reading, maker: string | null = null): PastReading {
  const record = logRecord({ offset, timestamp: value.received, key: "default/one", value });
  return { partition: 0, record, reading: value, maker };
}

/** The readings of an hour, in batches of this size. */
function historyOf(readings: readonly PastReading[], batchSize: number): ReadingHistory {
  const read = async function* () {
    for (let at = 0; at < readings.length; at += batchSize) yield readings.slice(at, at + batchSize);
  };
  return {
    place: "a test",
    isExact: true,
    since: 0,
    configuration: { types: [], devices: [] },
    read,
    readByReceiveTime: read,
    close: async () => undefined,
  };
}

const hour = (first = 0) =>
  Array.from({ length: 60 }, (_, minute) => past(minute, readingOf(minute, { a: minute === 0 ? first : minute })));

describe("a backtest", () => {
  it("gives the same bytes however the history is cut", async () => {
    const whole = await backtest([count, sums], historyOf(hour(), 60), RANGE);
    const cut = await backtest([count, sums], historyOf(hour(), 1), RANGE);
    expect(whole).toMatchObject({ readings: 60, emitted: 66, aggregates: 6, events: 20, deadLetters: 0 });
    expect({ ...cut, elapsedMs: 0 }).toEqual({ ...whole, elapsedMs: 0 });
  });

  it("compares several values of a place in the order of the records, wherever batches end", async () => {
    // What is stored comes in two revisions, and one of it stands before what the function makes of its place.
    const late = past(60, { ...readingOf(0, { a: 5 }), received: START + 59 * MINUTE });
    const stored = [
      past(61, readingOf(0, { n: 1, twice: 0 }), "count"),
      past(62, readingOf(0, { n: 61, twice: 10 }), "count"),
    ];
    const readings = [...hour().slice(0, 1), ...stored.slice(0, 1), ...hour().slice(1), late, ...stored.slice(1)];
    const reports = [1, 2, 7, 62, 100].map(async (size) => backtest([count], historyOf(readings, size), RANGE));
    const compared = (await Promise.all(reports)).map((report) => report.compared);
    expect(compared[0]).toMatchObject({ equal: 4, changed: 0, new: 118, missing: 0 });
    for (const one of compared) expect(one).toEqual(compared[0]);
  });

  it("has another hash when only its first output is another", async () => {
    const { hash } = await backtest([count], historyOf(hour(), 1), RANGE);
    expect((await backtest([count], historyOf(hour(1), 1), RANGE)).hash).not.toBe(hash);
  });

  it("closes windows at the end of its range, and compares what functions of these names have stored", async () => {
    const stored = past(70, { ...readingOf(9, { sum: 45 }), ts: START + 10 * MINUTE - 1 }, "sums");
    const { compared } = await backtest([sums], historyOf([...hour(), stored], 7), RANGE);
    expect(compared).toMatchObject({ equal: 1, changed: 0, new: 5, missing: 0 });
  });

  it("begins where the log begins, and with the types and labels that the history knows", async () => {
    const history = historyOf(hour(), 60);
    const device = { tenant: "default", id: "one", type: "pump", labels: {}, disabled: false };
    const pumps = defineStream({
      name: "pumps",
      input: z.object({ a: z.number() }),
      select: { type: "pump" },
      state: z.object({}),
      initial: () => ({}),
      process: () => ({ emit: { pump: true } }),
    });
    expect((await backtest([pumps], history, RANGE)).emitted).toBe(0);
    const configured = { ...history, configuration: { types: [], devices: [device] } };
    expect((await backtest([pumps], configured, RANGE)).emitted).toBe(60);
  });
});

describe("a comparison", () => {
  it("tells equal, changed, new and missing values apart, whatever comes first", () => {
    const comparison = new Comparison();
    comparison.note("stored", readingOf(1, { same: 1, other: 1, gone: 1 }));
    comparison.note("emitted", readingOf(1, { same: 1, other: 2, fresh: 1 }));
    comparison.note("emitted", readingOf(2, { same: 1 }));
    comparison.note("stored", readingOf(2, { same: 1 }));
    expect(comparison.part()).toMatchObject({ equal: 2, changed: 1, new: 1, missing: 1 });
  });

  it("takes the last of several values of a place", () => {
    const comparison = new Comparison();
    comparison.note("emitted", readingOf(1, { a: 1 }));
    comparison.note("emitted", readingOf(1, { a: 2 }));
    comparison.note("stored", readingOf(1, { a: 2 }));
    expect(comparison.part()).toMatchObject({ equal: 1, changed: 0, new: 0, missing: 0 });
  });
});
