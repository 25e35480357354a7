import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { aborted } from "../../../core/aborted.ts";
import { pause } from "../../../core/pause.ts";

const LONG_MS = 60_000;

describe("pause", () => {
  it("ends after its time, and not before", async () => {
    const startedAt = performance.now();
    await pause(30, new AbortController().signal);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it("ends at once when the signal aborts, or has aborted", async () => {
    const stopping = new AbortController();
    const waiting = pause(LONG_MS, stopping.signal);
    stopping.abort();
    await waiting;
    await pause(LONG_MS, stopping.signal);
  });
});

describe("aborted", () => {
  it("resolves when the signal aborts, or has aborted", async () => {
    const stopping = new AbortController();
    const waiting = aborted(stopping.signal);
    stopping.abort();
    await waiting;
    await aborted(stopping.signal);
  });

  it("waits for it", async () => {
    const waiting = aborted(new AbortController().signal).then(() => "aborted");
    await expect(Promise.race([waiting, delay(20, "still waiting")])).resolves.toBe("still waiting");
  });
});
