import { describe, expect, it } from "vitest";
import { readForward } from "../../../app/why/read-forward.ts";
import { deadLetterSchema } from "../../../core/derived-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { valuesOf } from "../../support/stage-run.ts";
import { all, filledLog, HOT, idOfAlarm, MINUTE, SECOND, STORY, T0, whyOf } from "../../support/why-story.ts";
import type { WhyLog } from "../../../app/why/read-forward.ts";
import type { LogReader } from "../../../core/event-log.ts";
import type { AlarmRule } from "../../../core/alarm-rule.ts";

describe("why an alarm was raised", () => {
  it("is the messages from when its condition began, and the state that they met", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "raised" });
    expect(explained).toMatchObject({ topic: "alarms", function: "alarm@1", isReproduced: true, notes: [] });
    expect(explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics)).toEqual([
      { x: 60 },
      { x: 61 },
    ]);
    expect(explained.before).toMatchObject({ hot: { state: { phase: "pending", since: T0 + 5 * SECOND } } });
    expect(explained.after).toMatchObject({ hot: { state: { phase: "active" } } });
    expect(explained.messages.every(({ payload }) => !payload.includes("99"))).toBe(true);
  });

  it("is told of its clearing too", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "cleared" });
    expect(explained).toMatchObject({ isReproduced: true, output: { transition: "cleared" } });
    expect(explained.messages.findLast(({ isCause }) => isCause)?.readings[0]?.metrics).toEqual({ x: 10 });
  });

  it("is not claimed when the rule was another one by then", async () => {
    const { log, run } = await filledLog(STORY, { startsAt: 1 });
    const other = { ...HOT, condition: { ...HOT.condition, value: 500 } } as AlarmRule;
    const explained = await whyOf(log, run, [other]).explain("t", {
      kind: "alarm",
      id: idOfAlarm(run),
      transition: "raised",
    });
    expect(explained.isReproduced).toBe(false);
    expect(explained.notes.join(" ")).toMatch(/Retention has deleted.*a rule or type was changed since/);
  });

  it("is the rule of then, where the log holds it, whatever the rule is by now", async () => {
    const { log, run } = await filledLog(STORY);
    const other = { ...HOT, condition: { ...HOT.condition, value: 500 } } as AlarmRule;
    for (const rules of [[other], []]) {
      const question = { kind: "alarm", id: idOfAlarm(run), transition: "raised" } as const;
      expect(await whyOf(log, run, rules).explain("t", question)).toMatchObject({ isReproduced: true, notes: [] });
    }
  });

  it("takes the configuration of the registry when retention has deleted its control record", async () => {
    const { log, run } = await filledLog(STORY, { startsAt: 1 });
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "raised" });
    expect(explained.isReproduced).toBe(true);
  });

  it("is told of a device that has been disabled since, also where the log no more tells that it was not", async () => {
    const { log, run } = await filledLog(STORY, { startsAt: 1 });
    const question = { kind: "alarm", id: idOfAlarm(run), transition: "raised" } as const;
    expect((await whyOf(log, run, [HOT], LIMITS, true).explain("t", question)).isReproduced).toBe(true);
  });

  it("cannot be told of an alarm that there is not, or of another tenant's", async () => {
    const { log, run } = await filledLog(STORY);
    const why = whyOf(log, run);
    await expect(why.explain("t", { kind: "alarm", id: "none", transition: "raised" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(why.explain("u", { kind: "alarm", id: idOfAlarm(run), transition: "raised" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("why an aggregate is what it is", () => {
  const question = { kind: "aggregate", device: "a", metric: "x", start: T0, size: MINUTE } as const;

  it("is the readings of its window, the late one too, as its last revision has them", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", question);
    expect(explained).toMatchObject({ isReproduced: true, output: { revision: 1, count: 6, max: 80 } });
    expect(
      explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics["x"]),
    ).toEqual([20, 60, 61, 62, 10, 80]);
    expect(explained.messages.filter(({ isCause }) => !isCause)).toHaveLength(1);
  });

  it("is found behind many others", async () => {
    const before = Array.from({ length: 1000 }, (_, index) => ({ device: "b", at: index * 90, x: 1 }));
    const late = STORY.map((one) => ({ ...one, at: one.at + 90_000, received: (one.received ?? one.at) + 90_000 }));
    const { log, run } = await filledLog([...before, ...late]);
    const explained = await whyOf(log, run).explain("t", { ...question, start: T0 + 90_000 * SECOND });
    expect(explained).toMatchObject({ isReproduced: true, output: { count: 6 } });
    expect(explained.counts.records).toBeLessThan(100);
  });

  it("lists the first and the last of very many messages, and stops where too much lies on the way", async () => {
    const many = Array.from({ length: 1500 }, (_, index) => ({ device: "a", at: index / 25, x: 20 }));
    const { log, run } = await filledLog([...many, { device: "a", at: 70, x: 0 }]);
    const explained = await whyOf(log, run).explain("t", question);
    expect(explained.counts.causes).toBe(1500);
    expect(explained.messages).toHaveLength(LIMITS.whyMessagesMax);
    expect(explained.notes).toEqual([expect.stringMatching(/^Of 1501 messages the first and the last 500/)]);
    const all = { from: 0, to: 1502 };
    const read = readForward(log, { topic: "telemetry", partition: 0 }, all, () => false, {
      records: 1000,
      bytes: 1e6,
    });
    await expect(read).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", remedy: expect.stringMatching(/later output/) });
  });

  it("says when the messages, run again, give something else", async () => {
    const { log, run } = await filledLog(STORY);
    const broken = createMemoryEventLog({ partitionCount: 1 });
    for (const record of await all(log, "telemetry")) {
      const value = Buffer.from(Buffer.from(record.value).toString().replace('"x":61', '"x":68'));
      broken.appendNow("telemetry", 0, [{ ...record, value, headers: record.headers() }]);
    }
    for (const record of await all(log, "aggregates"))
      broken.appendNow("aggregates", 0, [{ ...record, headers: record.headers() }]);
    const explained = await whyOf(broken, run).explain("t", question);
    expect(explained.isReproduced).toBe(false);
    expect(explained.notes).toEqual([expect.stringMatching(/give another value/)]);
  });
});

describe("why a record became a dead letter", () => {
  it("is that record, with the state that it met", async () => {
    const { log, run } = await filledLog([...STORY, { device: "a", at: 80, x: 13 }]);
    const [letter] = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letter?.source.offset).toBe(11);
    const explained = await whyOf(log, run).explain("t", {
      kind: "dead-letter",
      topic: "telemetry",
      partition: 0,
      offset: 11,
    });
    expect(explained).toMatchObject({ function: "superstitious@3", isReproduced: true });
    expect(explained.messages.filter(({ isCause }) => isCause).map(({ offset, outcome }) => [offset, outcome])).toEqual(
      [[11, "deadLettered"]],
    );
  });

  it("is found behind many others, and among older ones that a stage which lagged has written since", async () => {
    const bad = Array.from({ length: 2000 }, (_, index) => ({ device: "b", at: index * 90, x: 13 }));
    const { log, run } = await filledLog([...bad, { device: "a", at: 180_000, x: 13 }]);
    let served = 0;
    const counting: WhyLog = {
      partitionCount: 1,
      status: () => log.status(),
      openReader: (positions) => {
        const reader = log.openReader(positions);
        const poll: LogReader["poll"] = async (options) => {
          const slices = await reader.poll(options);
          served += slices.reduce((sum, { records }) => sum + records.length, 0);
          return slices;
        };
        return { seek: (to) => reader.seek(to), close: () => reader.close(), poll };
      },
    };
    const question = { kind: "dead-letter", topic: "telemetry", partition: 0, offset: 2001 } as const;
    expect(await whyOf(counting, run).explain("t", question)).toMatchObject({ isReproduced: true });
    expect(served).toBeLessThan(200);

    const letters = await all(log, "dead-letters");
    const mixed = createMemoryEventLog({ partitionCount: 1 });
    for (const record of await all(log, "telemetry"))
      mixed.appendNow("telemetry", 0, [{ ...record, headers: record.headers() }]);
    for (const record of [...letters.slice(-1), ...letters.slice(0, -1)])
      mixed.appendNow("dead-letters", 0, [{ ...record, headers: record.headers() }]);
    expect(await whyOf(mixed, run).explain("t", question)).toMatchObject({ isReproduced: true });
  });

  it("is not found where there is none", async () => {
    const { log, run } = await filledLog(STORY);
    for (const [topic, offset] of [
      ["telemetry", 2],
      ["telemetry", -1],
      ["telemetry", 99],
      ["nonsense", 0],
    ] as const) {
      const explained = whyOf(log, run).explain("t", { kind: "dead-letter", topic, partition: 0, offset });
      await expect(explained).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });
});
