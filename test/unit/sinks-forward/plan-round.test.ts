import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER, type Header, type LogRecord } from "../../../core/record.ts";
import { planRound, type ForwardRound } from "../../../sinks/forward/plan-round.ts";
import { decodeForwardBatch } from "../../../wire/forward-batch.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";

const SOURCE = { installation: "abc", generation: 7 };

const message = (
  offset: number,
  key: string | null,
  value: string | Uint8Array = "{}",
  headers: readonly Header[] = [],
): LogRecord => logRecord({ offset, timestamp: 1000 + offset, key, value, headers });
const slice = (partition: number, records: readonly LogRecord[], nextOffset = (records.at(-1)?.offset ?? -1) + 1) => ({
  topic: "telemetry",
  partition,
  records,
  nextOffset,
});
const sent = ({ envelopes }: ForwardRound) => envelopes.flatMap(({ bytes }) => decodeForwardBatch(bytes));
const tick = (offset: number): LogRecord => controlLogRecord(offset, 5, { v: 1, kind: "tick" });

describe("a round of the forwarder", () => {
  it("has the messages in order, with their positions and receive times", () => {
    const round = planRound(
      [slice(2, [message(4, "t/a", "1"), message(5, "t/b", "2")]), slice(3, [message(9, "t/c", "3")])],
      SOURCE,
    );
    expect(sent(round).map(({ device, payload, origin }) => `${device} ${payload.toString()} ${origin}`)).toEqual([
      "a 1 abc 7 2 4 1004",
      "b 2 abc 7 2 5 1005",
      "c 3 abc 7 3 9 1009",
    ]);
    expect(round).toMatchObject({
      isCut: false,
      oldest: 1004,
      advances: [
        { partition: 2, nextOffset: 6, messages: 2 },
        { partition: 3, nextOffset: 10, messages: 1 },
      ],
    });
  });

  it("leaves control records out, and what no device may say, and goes on behind them", () => {
    const refused = message(2, "t/gw", "x", [[HEADER.refused, "foreign-device"]]);
    const round = planRound([slice(0, [tick(0), message(1, "t/a"), refused, message(3, null)], 7)], SOURCE);
    expect(sent(round)).toHaveLength(1);
    expect(round).toMatchObject({ refused: 2, advances: [{ nextOffset: 7, messages: 3 }] });
    const still = planRound([slice(0, [tick(0)])], SOURCE);
    expect(still).toMatchObject({ envelopes: [], oldest: null, advances: [{ nextOffset: 1, messages: 0 }] });
  });

  it("goes no further in a partition that it has cut, where damage has made slices of it several", () => {
    const limits = { ...LIMITS, forwardedPerDeviceMax: 2 };
    const slices = [
      slice(0, [message(0, "t/a"), message(1, "t/a"), message(2, "t/a")]),
      { ...slice(0, []), corrupt: { fromOffset: 3, toOffset: 5 }, nextOffset: 5 },
      slice(0, [message(5, "t/b")]),
      slice(1, [message(0, "t/c")]),
    ];
    const round = planRound(slices, SOURCE, limits);
    const advances = [
      { partition: 0, nextOffset: 2, messages: 2 },
      { partition: 1, nextOffset: 1, messages: 1 },
    ];
    expect(round).toMatchObject({ isCut: true, corrupt: 0, advances });
    expect(sent(round).map(({ device }) => device)).toEqual(["a", "a", "c"]);
    expect(planRound(slices, SOURCE)).toMatchObject({ isCut: false, corrupt: 2 });
  });

  it("stops a partition before a device has more than may come again", () => {
    const limits = { ...LIMITS, forwardedPerDeviceMax: 2 };
    const records = [
      message(0, "t/a"),
      message(1, "t/b"),
      message(2, "t/a"),
      message(3, "t/b"),
      message(4, "t/a"),
      message(5, "t/c"),
    ];
    const round = planRound([slice(0, records), slice(1, [message(0, "t/d")])], SOURCE, limits);
    expect(sent(round).map(({ device }) => device)).toEqual(["a", "b", "a", "b", "d"]);
    expect(round).toMatchObject({ isCut: true, advances: [{ nextOffset: 4, messages: 4 }, { nextOffset: 1 }] });
  });

  it("has no more of a device than the upstream remembers, with two entries for each", () => {
    expect(LIMITS.forwardedPerDeviceMax * 2).toBeLessThan(LIMITS.dedupeEntriesPerDevice - 64);
  });

  it("cuts envelopes by messages and by bytes", () => {
    const many = Array.from({ length: 7 }, (_, n) => message(n, `t/${n}`, "v".repeat(100)));
    const byCount = planRound([slice(0, many)], SOURCE, { ...LIMITS, forwardBatchRecordsMax: 3 });
    expect(byCount.envelopes.map(({ messages }) => messages)).toEqual([3, 3, 1]);
    const byBytes = planRound([slice(0, many)], SOURCE, { ...LIMITS, forwardBatchPlainBytesMax: 900 });
    expect(byBytes.envelopes.length).toBeGreaterThan(2);
    expect(sent(byBytes).map(({ device }) => device)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
  });

  it("leaves out what no upstream takes, and says so; a large message that compresses goes alone", () => {
    const hard = crypto.getRandomValues(new Uint8Array(60_000));
    const noise = Buffer.concat([hard, Buffer.from(hard).reverse(), crypto.getRandomValues(new Uint8Array(60_000))]);
    const text = JSON.stringify({ t: "a".repeat(300 * 1024) });
    const round = planRound([slice(0, [message(0, "t/a"), message(1, "t/b", noise), message(2, "t/c", text)])], SOURCE);
    expect(sent(round).map(({ device }) => device)).toEqual(["a", "c"]);
    expect(round.envelopes.map(({ messages }) => messages)).toEqual([1, 1]);
    expect(round).toMatchObject({ tooLarge: 1, advances: [{ nextOffset: 3, messages: 3 }] });
  });

  it("keeps the receive time of an edge whose messages are forwarded once more", () => {
    const headers: readonly Header[] = [
      [HEADER.forwarded, "def 1 2 3 555"],
      [HEADER.admissionId, "def/local/1/2"],
    ];
    const [again] = sent(planRound([slice(0, [message(8, "t/a", "{}", headers)])], SOURCE));
    expect(again).toMatchObject({ origin: "abc 7 0 8 555", admissionId: "abc/def/local/1/2" });
  });
});
