import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { Capacity } from "../../../log/embedded/capacity.ts";

/** Longer than nothing is tried after a failure. */
const OVER_MS = 1100;

describe("a log that could not be written", () => {
  it("takes appends again when the disk has room, also when nobody has tried", async () => {
    const capacity = new Capacity(100);
    capacity.noteFailure(new MillraceError("LOG_IO", "no write"), false);
    await capacity.probe(tmpdir());
    expect(capacity.refusing()).toBe("no write");
    await delay(OVER_MS);
    await capacity.probe(tmpdir());
    expect(capacity.refusing()).toBeNull();
  });

  it("refuses for good when the store is broken", async () => {
    const capacity = new Capacity(100);
    capacity.noteFailure(new MillraceError("LOG_IO", "broken"), true);
    await delay(OVER_MS);
    await capacity.probe(tmpdir());
    expect(capacity.refusing()).toBe("broken");
    expect(capacity.refusal("append", 0, 1)?.message).toBe("broken");
  });

  it("is not taken to have room because a small write has landed on a full disk", () => {
    const capacity = new Capacity(100);
    capacity.noteFailure(new MillraceError("LOG_FULL", "full"), false);
    capacity.noteSuccess();
    expect(capacity.refusing()).toBe("full");
    capacity.noteFailure(new MillraceError("LOG_IO", "no write"), false);
    capacity.noteSuccess();
    expect(capacity.refusing()).toBeNull();
  });
});
