import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KeepAlive } from "../../../broker/keep-alive.ts";

const KEEP_ALIVE_MS = 1500;

function open() {
  const flow = { isReading: true, isBlocked: false, sentBytes: 0 };
  const ended: number[] = [];
  const keepAlive = new KeepAlive(() => performance.now(), flow, { end: () => ended.push(performance.now()) });
  keepAlive.start(KEEP_ALIVE_MS);
  return { flow, ended, keepAlive };
}

describe("the keep-alive", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"], now: 0 }));
  afterEach(() => void vi.useRealTimers());

  test("ends a connection of which nothing is heard, at once when the time is over", () => {
    const { ended } = open();
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ended).toEqual([KEEP_ALIVE_MS]);
  });

  test("counts from what was heard last, and is at most a step late", () => {
    const { ended, keepAlive } = open();
    for (let n = 0; n < 10; n += 1) {
      vi.advanceTimersByTime(490);
      keepAlive.heard();
    }
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(51);
    expect(ended).toHaveLength(1);
  });

  test("does not count while the socket is not read, and has the whole time from then on", () => {
    const { flow, ended, keepAlive } = open();
    flow.isReading = false;
    vi.advanceTimersByTime(10 * KEEP_ALIVE_MS + 700);
    expect(ended).toEqual([]);
    flow.isReading = true;
    keepAlive.heard();
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(51);
    expect(ended).toHaveLength(1);
  });

  test("ends a connection that is not read because its client does not read, as early as any other", () => {
    const { flow, ended, keepAlive } = open();
    vi.advanceTimersByTime(700);
    keepAlive.heard();
    Object.assign(flow, { isBlocked: true, sentBytes: 7 });
    keepAlive.reads(false);
    flow.isReading = false;
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(51);
    expect(ended).toHaveLength(1);
  });

  test("keeps a client that reads slowly for as long as it reads on, and lets it say something when it has read all", () => {
    const { flow, ended, keepAlive } = open();
    flow.isBlocked = true;
    keepAlive.reads(false);
    flow.isReading = false;
    for (let n = 0; n < 20; n += 1) {
      vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
      flow.sentBytes += 1;
    }
    expect(ended).toEqual([]);
    keepAlive.drained();
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    expect(ended).toHaveLength(1);
  });

  test("does not count what the log was behind against a client that is blocked afterwards", () => {
    const { flow, ended } = open();
    flow.isReading = false;
    vi.advanceTimersByTime(10 * KEEP_ALIVE_MS - 10);
    flow.isBlocked = true;
    flow.sentBytes += 1;
    vi.advanceTimersByTime(KEEP_ALIVE_MS - 10);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(KEEP_ALIVE_MS + 60);
    expect(ended).toHaveLength(1);
  });

  test("says nothing once it is stopped", () => {
    const { ended, keepAlive } = open();
    keepAlive.stop();
    vi.advanceTimersByTime(10 * KEEP_ALIVE_MS);
    expect(ended).toEqual([]);
  });
});
