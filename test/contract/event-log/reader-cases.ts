import { describe, expect } from "vitest";
import { allTexts, at, readRecords, text, texts } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { FetchedSlice, LogReader } from "../../../core/event-log.ts";
import type { LogHarness } from "./log-harness.ts";

export function readerCases(harness: LogHarness): void {
  describe("reading", () => {
    withLog(harness, "reads many partitions and topics, each in its order", async (log) => {
      const appends = Array.from({ length: 400 }, (_, index) =>
        log.append(index % 3 === 0 ? "readings" : "telemetry", index % 4, [text(`m${index}`)]),
      );
      await Promise.all(appends);
      const positions = [0, 1, 2, 3].flatMap((partition) => [
        at("telemetry", partition, 0),
        at("readings", partition, 0),
      ]);
      const slices = await readRecords(log.openReader(positions), 400);
      for (const { topic, partition } of positions) {
        const own = slices.filter((slice) => slice.topic === topic && slice.partition === partition);
        const offsets = own.flatMap((slice) => slice.records.map((record) => record.offset));
        expect(offsets).toEqual(offsets.map((_, index) => index));
        expect(own.at(-1)?.nextOffset).toBe(offsets.length);
        const numbers = allTexts(own).map((name) => Number(name.slice(1)));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
      expect(new Set(allTexts(slices)).size).toBe(400);
    });

    withLog(harness, "starts at the offsets that it is given, also inside what was appended at once", async (log) => {
      await log.append("telemetry", 0, [text("a"), text("b"), text("c"), text("d")]);
      const reader = log.openReader([at("telemetry", 0, 2)]);
      const [slice] = await readRecords(reader, 2);
      expect(texts(slice?.records ?? [])).toEqual(["c", "d"]);
      expect(slice?.records[0]?.offset).toBe(2);
    });

    withLog(
      harness,
      "reads the same when each poll's records end with the next, and leaves others alone",
      async (log) => {
        const ends = (at: number) => [`m${at}`.repeat(1 + (at % 400)), `n${at}`];
        for (let index = 0; index < 60; index++)
          await log.append(
            "telemetry",
            index % 2,
            ends(index).map((one) => text(one)),
          );
        const from = [at("telemetry", 0, 0), at("telemetry", 1, 0)];
        const inSteps = async (reader: LogReader, take: (slice: FetchedSlice) => void) => {
          for (let count = 0; count < 120;) {
            const slices = await reader.poll({ bytesMax: 4000, waitMs: 2000 });
            if (slices.length === 0) break;
            for (const slice of slices) take(slice);
            count += slices.reduce((sum, { records }) => sum + records.length, 0);
          }
        };
        const kept: FetchedSlice[] = [];
        await inSteps(log.openReader(from), (slice) => kept.push(slice));
        const read: string[] = [];
        await inSteps(log.openReader(from, { untilNextPoll: true }), ({ records }) => {
          expect(records.map((record) => record.header("client"))).toEqual(records.map(() => "c1"));
          read.push(...texts(records));
        });
        const all = Array.from({ length: 60 }, (_, index) => ends(index)).flat();
        expect(read.toSorted()).toEqual(all.toSorted());
        // Read before, and looked at behind all those polls.
        expect(allTexts(kept).toSorted()).toEqual(all.toSorted());
      },
    );

    withLog(harness, "seeks back and forth, and forgets the partitions that are not named any more", async (log) => {
      for (let index = 0; index < 300; index++) await log.append("telemetry", index % 2, [text(`m${index}`)]);
      const reader = log.openReader([at("telemetry", 0, 0), at("telemetry", 1, 0)]);
      expect(allTexts(await readRecords(reader, 300))).toHaveLength(300);
      reader.seek([at("telemetry", 1, 140)]);
      expect(allTexts(await readRecords(reader, 10))[0]).toBe("m281");
      reader.seek([at("telemetry", 0, 3)]);
      expect(allTexts(await readRecords(reader, 147)).slice(0, 2)).toEqual(["m6", "m8"]);
    });

    withLog(harness, "gives about as many bytes as asked for, and the rest with the next polls", async (log) => {
      const value = new Uint8Array(1000);
      await Promise.all(Array.from({ length: 200 }, () => log.append("telemetry", 0, [{ ...text(""), value }])));
      await log.append("telemetry", 1, [text("other")]);
      const reader = log.openReader([at("telemetry", 0, 0), at("telemetry", 1, 0)]);
      let records = 0;
      let polls = 0;
      for (; records < 201 && polls < 300; polls++) {
        const slices = await reader.poll({ bytesMax: 1, waitMs: 1000 });
        records += slices.reduce((sum, slice) => sum + slice.records.length, 0);
      }
      expect(records).toBe(201);
      expect(polls).toBeGreaterThan(1);
    });

    withLog(harness, "returns nothing at once when there is nothing and it may not wait", async (log) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      expect(await reader.poll({ bytesMax: 1000, waitMs: 0 })).toEqual([]);
      const before = Date.now();
      expect(await reader.poll({ bytesMax: 1000, waitMs: 60 })).toEqual([]);
      expect(Date.now() - before).toBeGreaterThanOrEqual(50);
    });

    withLog(harness, "wakes up when something comes, long before the wait is over", async (log) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      await reader.poll({ bytesMax: 1000, waitMs: 0 });
      const polled = reader.poll({ bytesMax: 1000, waitMs: 20_000 });
      const before = Date.now();
      await log.append("telemetry", 0, [text("news")]);
      expect(allTexts(await polled)).toEqual(["news"]);
      expect(Date.now() - before).toBeLessThan(10_000);
    });

    withLog(harness, "goes on waiting when what comes is for others", async (log) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      const polled = reader.poll({ bytesMax: 1000, waitMs: 20_000 });
      await log.append("telemetry", 1, [text("other")]);
      await log.append("telemetry", 0, [text("mine")]);
      expect(allTexts(await polled)).toEqual(["mine"]);
    });

    withLog(harness, "stops waiting when the signal aborts", async (log) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      const stopping = new AbortController();
      const polled = reader.poll({ bytesMax: 1000, waitMs: 25_000, signal: stopping.signal });
      setTimeout(() => stopping.abort(), 30);
      const before = Date.now();
      expect(await polled).toEqual([]);
      expect(Date.now() - before).toBeLessThan(10_000);
    });

    withLog(harness, "shows a record only once its append could have resolved", async (log) => {
      const reader = log.openReader([at("telemetry", 0, 0)]);
      let landed = 0;
      const appending = Promise.all(
        Array.from({ length: 300 }, () =>
          log.append("telemetry", 0, [text("x")]).then((offset) => (landed = offset + 1)),
        ),
      );
      let seen = 0;
      while (seen < 300) {
        const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 2000 });
        // The status is asked for after the poll: whatever was read must be durable by then.
        const { partitions } = await log.status();
        const end = partitions.find(({ topic, partition }) => topic === "telemetry" && partition === 0)?.endOffset ?? 0;
        seen = slices.at(-1)?.nextOffset ?? seen;
        expect(seen).toBeLessThanOrEqual(end);
      }
      await appending;
      expect(landed).toBe(300);
    });

    withLog(harness, "finds every record from every offset of a long log", async (log) => {
      for (let round = 0; round < 40; round++) {
        await Promise.all(
          Array.from({ length: 25 }, (_, index) => log.append("telemetry", index % 4, [text(`r${round}-${index}`)])),
        );
      }
      const reader = log.openReader([]);
      for (let offset = 0; offset < 280; offset += 23) {
        reader.seek([at("telemetry", 0, offset)]);
        const [slice] = await reader.poll({ bytesMax: 1, waitMs: 1000 });
        expect(slice?.records[0]?.offset).toBe(offset);
      }
    });
  });
}
