import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { CommitPace } from "../../../runtime/commit-pace.ts";
import type { FetchedSlice } from "../../../core/event-log.ts";

const full = slicesOf(LIMITS.fetchBytesMax);
const little = slicesOf(1000);
let now = 0;
let pace = new CommitPace(() => now);

beforeEach(() => {
  now = 1000;
  pace = new CommitPace(() => now);
  pace.committed();
});

/** Of so many bytes of values, in records of a thousand. */
function slicesOf(bytes: number): FetchedSlice[] {
  const record = {
    offset: 0,
    timestamp: 0,
    key: null,
    value: new Uint8Array(1000),
    header: noHeader,
    headers: () => [],
  };
  const records = Array.from({ length: bytes / 1000 }, () => record);
  return [{ topic: "telemetry", partition: 0, records, nextOffset: records.length }];
}

function noHeader(): undefined {
  return undefined;
}

describe("the pace of commits", () => {
  it("closes units soon while what is read fits into one read", () => {
    pace.polled(little);
    now += LIMITS.unitBacklogMs - 1;
    expect(pace.isCommitDue).toBe(false);
    now += 1;
    expect(pace.isCommitDue).toBe(true);
  });

  it("keeps them open for longer while it is behind, and no longer when it has caught up", () => {
    pace.polled(full);
    now += LIMITS.unitBehindMs - 1;
    expect(pace.isCommitDue).toBe(false);
    pace.polled(little);
    expect(pace.isCommitDue).toBe(true);
    pace.polled(full);
    now += 1;
    expect(pace.isCommitDue).toBe(true);
  });

  it("gives others their turn in the middle of what was read, also while it keeps up", () => {
    pace.polled(little);
    now += LIMITS.unitBehindMs - 1;
    expect(pace.isBreathDue).toBe(false);
    now += 1;
    expect(pace.isBreathDue).toBe(true);
  });

  it("waits for nothing after a quiet while, and else until units have been open for a moment", () => {
    now += 4;
    expect(pace.waitMs).toBe(LIMITS.unitIdleMs - 4);
    now += 60_000;
    expect(pace.waitMs).toBe(0);
  });
});
