import { describe, expect, it } from "vitest";
import { KeptRecords } from "../../../app/why/kept-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import { filledLog, HOT, MINUTE, STORY, T0, whyOf } from "../../support/why-story.ts";
import type { WhyLog } from "../../../app/why/read-forward.ts";
import type { Header, LogRecord } from "../../../core/record.ts";

const QUESTION = { kind: "aggregate", device: "a", metric: "x", start: T0, size: MINUTE } as const;

/** Turns of the event loop, counted from now on. */
function countTurns() {
  const turns = { count: 0, stop: () => clearImmediate(next) };
  let next = setImmediate(tick);
  function tick(): void {
    turns.count += 1;
    next = setImmediate(tick);
  }
  return turns;
}

/** The log, telling of each poll and of how many readers are open. */
function watched(log: WhyLog, onPoll: (bytesMax: number) => void = () => undefined) {
  const readers = { open: 0, mostOpen: 0 };
  const watchedLog: WhyLog = {
    partitionCount: log.partitionCount,
    status: () => log.status(),
    openReader: (positions) => {
      const reader = log.openReader(positions);
      readers.open += 1;
      readers.mostOpen = Math.max(readers.mostOpen, readers.open);
      return {
        seek: (to) => reader.seek(to),
        close: () => {
          readers.open -= 1;
          reader.close();
        },
        poll: (options) => {
          onPoll(options.bytesMax);
          return reader.poll(options);
        },
      };
    },
  };
  return { log: watchedLog, readers };
}

describe("an explanation beside the other work of its thread", () => {
  it("reads little with one poll, and lets others have the thread before each and while it runs records again", async () => {
    const many = Array.from({ length: 1500 }, (_, index) => ({ device: "a", at: index / 25, x: 20 }));
    const { log, run } = await filledLog([...many, { device: "a", at: 70, x: 0 }]);
    const turns = countTurns();
    const polls: { readonly turn: number; readonly bytesMax: number }[] = [];
    const { log: seen } = watched(log, (bytesMax) => polls.push({ turn: turns.count, bytesMax }));
    const explained = await whyOf(seen, run).explain("t", QUESTION);
    turns.stop();
    expect(explained.isReproduced).toBe(true);
    expect(new Set(polls.map(({ turn }) => turn)).size).toBe(polls.length);
    expect(Math.max(...polls.map(({ bytesMax }) => bytesMax))).toBe(LIMITS.scanBytesMax);
    expect(turns.count - (polls.at(-1)?.turn ?? 0)).toBeGreaterThanOrEqual(3);
  });

  it("is made when those before it are, unless too many wait", async () => {
    const { log, run } = await filledLog(STORY);
    const { log: seen, readers } = watched(log);
    const why = whyOf(seen, run, [HOT], { ...LIMITS, whyWaitingMax: 2 });
    const asked = [
      why.explain("t", { ...QUESTION, device: "nobody" }),
      why.explain("t", QUESTION),
      why.explain("t", QUESTION),
      why.explain("t", QUESTION),
    ];
    const answers = await Promise.allSettled(asked);
    expect(answers.map((answer) => (answer.status === "rejected" ? answer.reason.code : "explained"))).toEqual([
      "NOT_FOUND",
      "explained",
      "explained",
      "LIMIT_EXCEEDED",
    ]);
    expect(readers).toEqual({ open: 0, mostOpen: 1 });
    expect(await why.explain("t", QUESTION)).toMatchObject({ isReproduced: true });
  });

  it("stops where the messages are too many to keep, and says what to ask instead", async () => {
    const { log, run } = await filledLog(STORY);
    const small = whyOf(log, run, [HOT], { ...LIMITS, whyKeptBytesMax: 100 });
    await expect(small.explain("t", QUESTION)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringContaining("100 bytes"),
      remedy: expect.stringMatching(/shorter window/),
    });
  });
});

describe("KeptRecords", () => {
  it("keeps copies that do not hold their batch, and counts headers too", () => {
    const batch = Buffer.alloc(1000, 7);
    const kept = new KeptRecords(10);
    kept.add(new ViewedRecord(batch));
    const [record] = kept.records;
    batch.fill(0);
    expect(record).toMatchObject({ offset: 5, timestamp: 6, key: "t/a", value: new Uint8Array([7, 7, 7, 7]) });
    expect(record?.value.buffer.byteLength).toBe(4);
    expect([record?.headers(), record?.header("n"), record?.header("m")]).toEqual([
      [["n", "\u0007"]],
      "\u0007",
      undefined,
    ]);
    expect(() => kept.add(new ViewedRecord(batch))).toThrow("more than 10 bytes");
  });
});

/** As the log's: value and headers are those of the batch. */
class ViewedRecord implements LogRecord {
  readonly offset = 5;
  readonly timestamp = 6;
  readonly key = "t/a";
  readonly value: Uint8Array;
  private readonly batch: Buffer;

  constructor(batch: Buffer) {
    this.batch = batch;
    this.value = batch.subarray(0, 4);
  }

  header(): string | undefined {
    return this.batch.toString("latin1", 4, 5);
  }

  headers(): readonly Header[] {
    return [["n", this.batch.toString("latin1", 4, 5)]];
  }
}
