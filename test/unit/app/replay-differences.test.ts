import { describe, expect, test } from "vitest";
import { ReadingDifference } from "../../../app/replay/reading-difference.ts";
import { ReplayWriter } from "../../../app/replay/replay-writer.ts";
import { WindowDifference } from "../../../app/replay/window-difference.ts";
import { HEADER } from "../../../core/record.ts";
import { parseSourcePosition, type SourcePosition } from "../../../core/source-position.ts";
import { SourceMarks } from "../../../engine/source-marks.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { Correction } from "../../../app/replay/correction.ts";
import type { Aggregate, Reading } from "../../../core/derived-records.ts";
import type { LogRecord } from "../../../core/record.ts";

const KEY = "t/a";
const at = (ts: number, metrics: Reading["metrics"], revision?: number): Reading => {
  const reading = { v: 1, tenant: "t", device: "a", ts, received: ts, metrics } as const;
  return revision === undefined ? reading : { ...reading, revision };
};
const stored = (offset: number, reading: Reading) => ({ key: KEY, offset, reading, source: `src ${offset}` });
const made = (offset: number, reading: Reading) => ({ key: KEY, offset, reading, source: null });

describe("readings", () => {
  test("are equal whatever the order of their metrics, and a correction has the next revision of what it stands for", () => {
    const difference = new ReadingDifference();
    difference.stored(stored(1, at(1, { x: 1, y: 2 })));
    difference.made(made(1, at(1, { y: 2, x: 1 })));
    difference.stored(stored(2, at(2, { x: 1 }, 4)));
    difference.made(made(2, at(2, { x: 3 })));
    difference.stored(stored(3, at(3, { x: 1 })));
    difference.made(made(4, at(4, { x: 1 })));
    expect(difference.corrections()).toEqual([
      { topic: "readings", kind: "changed", key: KEY, offset: 2, value: at(2, { x: 3 }, 5), replaces: "src 2" },
      { topic: "readings", kind: "withdrawn", key: KEY, offset: 3, value: at(3, {}, 1), replaces: "src 3" },
      { topic: "readings", kind: "added", key: KEY, offset: 4, value: at(4, { x: 1 }), replaces: null },
    ]);
  });

  test("that were taken back stay so, and can be given again", () => {
    const difference = new ReadingDifference();
    difference.stored(stored(1, at(1, {}, 1)));
    difference.stored(stored(2, at(2, {}, 1)));
    difference.made(made(2, at(2, { x: 1 })));
    expect(difference.corrections()).toMatchObject([{ kind: "added", value: at(2, { x: 1 }, 2), replaces: "src 2" }]);
  });

  test("of a removed device are nobody's, up to its removal", () => {
    const difference = new ReadingDifference();
    difference.stored(stored(1, at(1, { x: 1 })));
    difference.made(made(7, at(7, { x: 1 })));
    difference.forget(KEY, 5);
    expect(difference.corrections()).toMatchObject([{ kind: "added", offset: 7 }]);
  });

  test("that differ have a ceiling, which says what to do", () => {
    const difference = new ReadingDifference(2);
    for (const ts of [1, 2]) difference.made(made(ts, at(ts, { x: 1 })));
    const third = () => difference.made(made(3, at(3, { x: 1 })));
    expect(third).toThrow("more than 2 results of one partition differ from what is stored");
  });
});

describe("windows", () => {
  const identity = { v: 1, tenant: "t", device: "a", metric: "f.x", size: 60 } as const;
  const window = (start: number, revision: number, sum: number, count = 1): Aggregate => {
    const statistics = { count, sum, min: sum, max: sum, mean: sum, first: sum, last: sum };
    return { ...identity, start, revision, ...statistics };
  };
  const place = { stage: "functions", topic: "readings", partition: 0, step: 0, index: 0 };
  const source = (offset: number, generation = 1): SourcePosition => ({ ...place, generation, offset });
  const never = () => false;

  test("are corrected with a revision above that of what is stored, or taken back", () => {
    const difference = new WindowDifference();
    for (const revision of [0, 1, 2]) difference.stored(KEY, source(revision), window(0, revision, revision));
    difference.made(KEY, 1, window(0, 0, 9));
    difference.stored(KEY, source(3), window(60, 5, 1));
    difference.made(KEY, 4, window(120, 0, 1));
    const { corrections } = difference.corrections(never);
    expect(corrections.map(({ kind, value }) => [kind, value])).toEqual([
      ["changed", window(0, 3, 9)],
      ["withdrawn", window(60, 6, 0, 0)],
      ["added", window(120, 0, 1)],
    ]);
  });

  test("that a replay has told count before all that live ones have, as in the tables", () => {
    const difference = new WindowDifference();
    difference.stored(KEY, source(1, 1000), window(0, 1, 7));
    difference.stored(KEY, source(9, 1), window(0, 3, 8));
    difference.made(KEY, 1, window(0, 0, 7));
    expect(difference.corrections(never).corrections).toEqual([]);
  });

  test("are left alone while live readings may change them", () => {
    const difference = new WindowDifference();
    difference.made(KEY, 1, window(0, 0, 1));
    difference.made(KEY, 2, window(60, 0, 1));
    const { corrections, open } = difference.corrections((key, start) => key === KEY && start === 60);
    expect([corrections.length, open]).toEqual([1, 1]);
  });
});

describe("the records of corrections", () => {
  const correction = (topic: Correction["topic"], offset: number): Correction => {
    return { kind: "added", topic, key: KEY, offset, value: at(offset, { x: 1 }), replaces: null };
  };

  test("have growing positions in each topic, over commits and over replays, so that readers take each of them once", async () => {
    const log = createMemoryEventLog({ partitionCount: 1 });
    const options = { log, stage: "functions", generation: 5, functionVersion: "f@2", now: 3000 };
    for (let replay = 0; replay < 2; replay += 1) {
      const writer = await ReplayWriter.claim(options);
      await writer.write(0, [correction("readings", 1), correction("readings", 2), correction("aggregates", 1)]);
      await writer.write(0, [correction("readings", 2), correction("aggregates", 1), correction("aggregates", 2)]);
    }
    const reader = log.openReader([
      { topic: "readings", partition: 0, offset: 0 },
      { topic: "aggregates", partition: 0, offset: 0 },
    ]);
    const slices = await reader.poll({ bytesMax: 1_000_000, waitMs: 0 });
    const marks = new SourceMarks();
    const isTaken = (topic: string, record: LogRecord): boolean => {
      const position = parseSourcePosition(record.header(HEADER.source) ?? "");
      return position !== null && marks.takeIfNew(topic, 0, position);
    };
    expect(slices.flatMap(({ topic, records }) => records.map((record) => isTaken(topic, record)))).toEqual(
      Array.from({ length: 12 }, () => true),
    );
  });

  test("are refused to a replay that another one has followed", async () => {
    const log = createMemoryEventLog({ partitionCount: 1 });
    const options = { log, stage: "functions", generation: 5, functionVersion: "f@2", now: 3000 };
    const first = await ReplayWriter.claim(options);
    await ReplayWriter.claim(options);
    await expect(first.write(0, [correction("readings", 1)])).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
  });
});
