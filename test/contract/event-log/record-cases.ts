import { describe, expect } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { at, readPartition, readRecords, text, texts } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { LogHarness } from "./log-harness.ts";

export function recordCases(harness: LogHarness): void {
  describe("appending", () => {
    withLog(harness, "gives dense offsets, counted per partition and per topic", async (log) => {
      expect(await log.append("telemetry", 0, [text("a"), text("b")])).toBe(0);
      expect(await log.append("telemetry", 0, [text("c")])).toBe(2);
      expect(await log.append("telemetry", 1, [text("d")])).toBe(0);
      expect(await log.append("readings", 0, [text("e")])).toBe(0);
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["a", "b", "c"]);
    });

    withLog(harness, "keeps the order in which one caller appends without waiting", async (log) => {
      const names = Array.from({ length: 500 }, (_, index) => `m${index}`);
      const offsets = await Promise.all(names.map((name, index) => log.append("telemetry", index % 2, [text(name)])));
      expect(offsets).toEqual(names.map((_, index) => Math.floor(index / 2)));
      expect(await readPartition(log, "telemetry", 1, 0)).toEqual(names.filter((_, index) => index % 2 === 1));
    });

    withLog(harness, "takes the bytes before it returns: the caller may use them again", async (log) => {
      const bytes = new TextEncoder().encode("kept");
      const appended = log.append("telemetry", 0, [{ ...text(""), value: bytes }]);
      bytes.fill(0);
      await appended;
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["kept"]);
    });

    withLog(harness, "gives back keys, timestamps, values and headers as they went in", async (log) => {
      const records: RecordInput[] = [
        {
          timestamp: 5,
          key: "acme/pümpe",
          value: new Uint8Array([0, 255, 128]),
          headers: [
            ["topic", "a/ü/🙂"],
            ["qos", "1"],
          ],
        },
        { timestamp: 4, key: null, value: new Uint8Array(0), headers: [] },
        {
          timestamp: 1_700_000_000_000,
          key: "acme/2",
          value: new Uint8Array([7]),
          headers: [
            ["x", ""],
            ["x", "2"],
          ],
        },
      ];
      await log.append("telemetry", 3, records);
      const reader = log.openReader([at("telemetry", 3, 0)]);
      const read = (await readRecords(reader, 3)).flatMap((slice) => slice.records);
      const plain = read.map((record) => ({
        timestamp: record.timestamp,
        key: record.key,
        value: Uint8Array.from(record.value),
        headers: record.headers(),
      }));
      expect(plain).toEqual(records);
      expect(read.map((record) => record.offset)).toEqual([0, 1, 2]);
      expect(read[2]?.header("x")).toBe("");
      expect(read[0]?.header("none")).toBeUndefined();
    });

    withLog(harness, "takes a record of the largest size and refuses a larger one", async (log) => {
      const largest = { ...text(""), value: new Uint8Array(LIMITS.recordBytesMax).fill(7) };
      expect(await log.append("telemetry", 0, [largest])).toBe(0);
      const larger = { ...text(""), value: new Uint8Array(LIMITS.recordBytesMax + 1) };
      await expect(log.append("telemetry", 0, [larger])).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
      expect(await log.append("telemetry", 0, [text("after")])).toBe(1);
      const reader = log.openReader([at("telemetry", 0, 0)]);
      const read = (await readRecords(reader, 2)).flatMap((slice) => slice.records);
      expect(read[0]?.value.length).toBe(LIMITS.recordBytesMax);
      expect(texts(read.slice(1))).toEqual(["after"]);
    });

    withLog(harness, "takes many large records at once", async (log) => {
      const value = new Uint8Array(600 * 1024);
      const offsets = await Promise.all(
        Array.from({ length: 40 }, (_, index) => log.append("telemetry", index % 4, [{ ...text(""), value }])),
      );
      expect(offsets.at(-1)).toBe(9);
      expect(await readPartition(log, "telemetry", 2, 0)).toHaveLength(10);
    });

    withLog(harness, "refuses topics and partitions that do not exist", async (log) => {
      await expect(log.append("nonsense", 0, [text("a")])).rejects.toMatchObject({ code: "UNKNOWN_TOPIC" });
      await expect(log.append("telemetry", 4, [text("a")])).rejects.toMatchObject({ code: "UNKNOWN_TOPIC" });
    });

    withLog(harness, "keeps everything over a restart, and goes on counting", async (first, under) => {
      await Promise.all([first.append("telemetry", 0, [text("a"), text("b")]), first.append("alarms", 2, [text("c")])]);
      const before = await first.status();
      await under.reopen();
      const { log } = under;
      expect((await log.status()).partitions).toEqual(before.partitions);
      expect(await log.append("telemetry", 0, [text("d")])).toBe(2);
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["a", "b", "d"]);
      expect(await readPartition(log, "alarms", 2, 0)).toEqual(["c"]);
    });

    withLog(harness, "keeps everything over a crash, and goes on counting", async (first, under) => {
      for (let index = 0; index < 200; index++) await first.append("telemetry", index % 3, [text(`m${index}`)]);
      const before = await first.status();
      await under.crash();
      const { log } = under;
      expect((await log.status()).partitions).toEqual(before.partitions);
      expect(await log.append("telemetry", 0, [text("new")])).toBe(67);
      const values = await readPartition(log, "telemetry", 0, 0);
      expect(values).toEqual([...Array.from({ length: 67 }, (_, index) => `m${index * 3}`), "new"]);
    });

    withLog(harness, "tells where partitions begin and end", async (log) => {
      await log.append("telemetry", 1, [text("a", "acme/1", 100), text("b", "acme/1", 50)]);
      const { partitions, refusing, bytes, bytesMax } = await log.status();
      const status = partitions.find(({ topic, partition }) => topic === "telemetry" && partition === 1);
      expect(status).toEqual({ topic: "telemetry", partition: 1, startOffset: 0, endOffset: 2 });
      const empty = partitions.find(({ topic, partition }) => topic === "telemetry" && partition === 0);
      expect(empty?.endOffset ?? 0).toBe(0);
      expect(refusing).toBeNull();
      expect(bytes).toBeLessThan(bytesMax);
    });
  });
}
