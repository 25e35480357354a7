import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DurableMark } from "../../../log/embedded/durable-mark.ts";
import { EmbeddedLogReader } from "../../../log/embedded/log-reader.ts";
import { openLogStore } from "../../../log/embedded/log-store.ts";
import { LogTopology } from "../../../log/topology.ts";
import { allTexts, at, text } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";

describe("who waits for the durable mark", () => {
  /** Publishes at the last moment before the wait: when the mark looks whether the signal has aborted. */
  const signalThat = (publishes: () => void): AbortSignal => {
    const { signal } = new AbortController();
    return Object.defineProperty(signal, "aborted", { get: () => (publishes(), false) });
  };

  test.each([
    ["a commit", (mark: DurableMark) => mark.publishSequence(5)],
    ["the end", (mark: DurableMark) => mark.publishClosed()],
  ])("does not sleep through %s that comes between the look and the wait", async (_, publish) => {
    const mark = new DurableMark();
    const writer = new DurableMark(mark.shared);
    // Longer than a test may last: it would be told by that.
    await mark.advanced(
      0,
      600_000,
      signalThat(() => publish(writer)),
    );
  });
});

describe("the durable mark", () => {
  let directory = "";
  let log: EmbeddedLog;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-mark-"));
    log = await openTestLog(directory);
  });

  afterEach(async () => {
    await log.close(AbortSignal.timeout(5000));
    await rm(directory, { recursive: true, force: true });
  });

  test("hides from readers what LMDB already shows", async () => {
    for (const name of ["a", "b", "c"]) await log.append("telemetry", 0, [text(name)]);
    const { topics, partitionCount, bytesMax, port } = log.connect();
    port.close();
    const store = openLogStore({ directory, bytesMax, readOnly: true, sync: true });
    const mark = new DurableMark();
    const topology = new LogTopology(topics, partitionCount);
    const reader = new EmbeddedLogReader({ directory, store, topology, mark, onCorrupt: () => undefined }, [
      at("telemetry", 0, 0),
    ]);
    const poll = { bytesMax: 1000, waitMs: 0 };
    expect(await reader.poll(poll)).toEqual([]);
    mark.publishSequence(2);
    expect(allTexts(await reader.poll(poll))).toEqual(["a", "b"]);
    expect(await reader.poll(poll)).toEqual([]);
    mark.publishSequence(3);
    expect(allTexts(await reader.poll(poll))).toEqual(["c"]);
    await store.root.close();
  });

  test("does not move before the commit that it stands for has returned", async () => {
    const connection = log.connect();
    connection.port.close();
    const mark = new DurableMark(connection.shared);
    for (let round = 0; round < 20; round++) {
      const before = mark.sequence;
      let landed = false;
      const appended = log.append("telemetry", 0, [text("x".repeat(500_000))]).then(() => (landed = true));
      let turns = 0;
      while (!landed) {
        // Between two turns of the loop the commit may land: whoever sees the mark moved then sees the append resolved, too.
        const moved = mark.sequence > before;
        await new Promise((resolve) => setImmediate(resolve));
        if (moved) expect(landed).toBe(true);
        turns += 1;
      }
      await appended;
      expect(turns).toBeGreaterThan(1);
      expect(mark.sequence).toBe(before + 1);
    }
  });
});
