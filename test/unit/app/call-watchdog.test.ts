import { describe, expect, it } from "vitest";
import { createCallMarks, readCallMarks, writeCallMarks } from "../../../app/threads/call-marks.ts";
import { CallWatchdog, type Overdue } from "../../../app/threads/call-watchdog.ts";
import type { CallMarks } from "../../../app/threads/call-marks.ts";

const LOOK_MS = 100;

function watched() {
  const buffer = createCallMarks();
  const watchdog = new CallWatchdog({ callMs: 1000, silenceMs: 5000, lookMs: LOOK_MS });
  let now = 0;
  /** Looks for so long; `meanwhile` happens before every look. Gives how long it took until the thread was overdue, and why. */
  const look = (
    ms: number,
    meanwhile: () => void = () => undefined,
    everyMs = LOOK_MS,
    cpuShare: number | null = null,
  ): [Overdue, number] | null => {
    for (let at = everyMs; at <= ms; at += everyMs) {
      meanwhile();
      now += everyMs;
      const overdue = watchdog.look(readCallMarks(buffer), now, cpuShare === null ? null : now * cpuShare);
      if (overdue !== null) return [overdue, at];
    }
    return null;
  };
  return { marks: writeCallMarks(buffer), read: () => readCallMarks(buffer), look };
}

const started = (marks: CallMarks): void => marks.beat();

describe("a watched thread", () => {
  it("is overdue when one call takes longer than allowed, though its event loop turned before", () => {
    const { marks, look } = watched();
    started(marks);
    marks.mark(1, 5_000_000_000, 2, 1);
    // The first look only sees where it is.
    expect(look(3000)).toEqual(["call", 1100]);
  });

  it("is by the CPU time that it was given, and ten times later when it uses none", () => {
    const nothing = (): void => undefined;
    for (const [share, at] of [
      [1, 1100],
      [0.5, 2100],
      [0, 10_100],
    ] as const) {
      const { marks, look } = watched();
      started(marks);
      marks.mark(0, 1, 0, 1);
      expect(look(20_000, nothing, LOOK_MS, share)).toEqual(["call", at]);
    }
  });

  it("is not while calls come and go, however long that goes on without a turn", () => {
    const { marks, look } = watched();
    started(marks);
    let offset = 0;
    const work = (): void => {
      marks.mark(0, offset, 0, 1);
      offset += 1;
    };
    expect(look(60_000, work)).toBeNull();
  });

  it("is overdue later when no call runs and its event loop stands", () => {
    const { marks, look } = watched();
    started(marks);
    marks.mark(0, 1, 0, 1);
    marks.mark(0, 1, 0, 0);
    expect(look(20_000, () => marks.beat())).toBeNull();
    expect(look(20_000)).toEqual(["silence", 5000]);
  });

  it("is when it begins with a call, before its event loop has turned", () => {
    const { marks, look } = watched();
    marks.mark(0, 1, 0, 1);
    expect(look(3000)).toEqual(["call", 1100]);
  });

  it("has all the time that it needs to start", () => {
    expect(watched().look(60_000)).toBeNull();
  });

  it("is given time when whoever looks was held up", () => {
    const { marks, look } = watched();
    started(marks);
    marks.mark(0, 1, 0, 1);
    expect(look(4000, undefined, 1000)).toBeNull();
  });
});

it("what is marked is where the thread is: offsets beyond 32 bits, the call around another, and a held call until it is let go", () => {
  const { marks, read } = watched();
  marks.mark(7, 5_000_000_000, 2, 1);
  expect(read().at).toEqual({ partition: 7, offset: 5_000_000_000, step: 2, call: 1 });
  marks.mark(7, 5_000_000_000, 2, 2);
  marks.mark(7, 5_000_000_000, 2, 1);
  expect(read()).toMatchObject({ marks: 3, at: { call: 1 } });
  marks.mark(7, 5_000_000_000, 2, 0);
  expect(read().at.call).toBe(0);
  marks.hold();
  marks.mark(7, 5_000_000_001, 0, 1);
  marks.mark(7, 5_000_000_001, 0, 0);
  expect(read().at).toMatchObject({ offset: 5_000_000_001, call: 1 });
  marks.release();
  expect(read().at.call).toBe(0);
});
