import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { followLog } from "../../../dashboard/log-follower.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { EventLog } from "../../../core/event-log.ts";

const START = [{ topic: "readings", partition: 0, offset: 0 }];
const record = (n: number) => ({ timestamp: n, key: "t/d", value: Buffer.from(String(n)), headers: [] });

/** Follows `log`; `over` replaces some of its functions. */
function follow(log: EventLog, over: Partial<EventLog> = {}) {
  const stop = new AbortController();
  const offsets: number[] = [];
  const troubles: (string | null)[] = [];
  const ended = followLog({
    log: { openReader: (from) => log.openReader(from), status: () => log.status(), ...over },
    from: START,
    bytesMax: 1 << 20,
    restFactor: 0,
    signal: stop.signal,
    logger: silentLogger,
    onSlice: ({ records }) => offsets.push(...records.map(({ offset }) => offset)),
    onBatch: () => undefined,
    onTrouble: (reason) => troubles.push(reason),
  });
  return {
    offsets,
    troubles,
    ended,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

describe("following the log", () => {
  it("goes on when the log does not say where it begins while retention has passed the reader", async () => {
    const log = createMemoryEventLog();
    log.appendNow("readings", 0, [0, 1, 2].map(record));
    log.trim("readings", 0, 2);
    let failures = 1;
    const status = (): ReturnType<EventLog["status"]> =>
      failures-- > 0 ? Promise.reject(new MillraceError("LOG_IO", "gone")) : log.status();
    const following = follow(log, { status });
    await expect.poll(() => following.offsets, { timeout: 30_000 }).toEqual([2]);
    expect(following.troubles).toContain("cannot read the log: gone");
    await following.stop();
  });

  it("reads again what a poll that failed half way has passed", async () => {
    const log = createMemoryEventLog();
    log.appendNow("readings", 0, [0, 1, 2].map(record));
    let failures = 1;
    const openReader: EventLog["openReader"] = (from) => {
      const reader = log.openReader(from);
      return {
        ...reader,
        async poll(options) {
          const slices = await reader.poll(options);
          if (failures-- > 0) throw new MillraceError("LOG_IO", "a page cannot be read");
          return slices;
        },
      };
    };
    const following = follow(log, { openReader });
    await expect.poll(() => following.offsets, { timeout: 30_000 }).toEqual([0, 1, 2]);
    await following.stop();
  });

  it("does not repeat what fails because of a programmer's error", async () => {
    const log = createMemoryEventLog();
    const openReader: EventLog["openReader"] = (from) => ({
      ...log.openReader(from),
      poll: () => Promise.reject(new TypeError("not a function")),
    });
    await expect(follow(log, { openReader }).ended).rejects.toThrow(TypeError);
  });
});
