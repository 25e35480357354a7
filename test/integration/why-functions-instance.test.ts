import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countingFunction, FunctionInstance } from "../support/function-instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { RawReading } from "../../core/history.ts";
import type { Explanation } from "../../core/why.ts";

const shared = (factor: number): string => `
import { defineMap, defineStream, tumbling, z } from "millrace/function";
const input = z.object({ n: z.number() });
export const scaled = defineMap({
  name: "scaled",
  input,
  process({ metrics: { n } }, context) {
    if (n === 2) context.event("two has come");
    if (n === 4) throw new RangeError("four is no number");
    return { scaled: n * ${factor} };
  },
});
export const tens = defineStream({
  name: "tens",
  input,
  window: tumbling("10s"),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }, { metrics }) => ({ sum: sum + metrics.n * ${factor} }),
  result: ({ sum }) => ({ total: sum }),
});
`;

describe.skipIf(!hasChdb())(`why, of what users' functions made ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const own = new FunctionInstance();
  beforeAll(() => own.start({}), 120_000);
  afterAll(() => own.dispose());

  /** The stored readings of a metric, in the order of event time. */
  async function rows(metric: string): Promise<RawReading[]> {
    const path = `/devices/${own.instance.ready.device}/readings?limit=1000&to=${Date.now() + 60_000}`;
    const { items } = await own.api.get<{ items: readonly RawReading[] }>(path);
    return items.filter((one) => one.metric === metric).toSorted((a, b) => a.ts - b.ts);
  }
  const why = async (...of: readonly string[]): Promise<Explanation> => {
    return JSON.parse(await own.millrace("why", ...of, "--json")) as Explanation;
  };
  const device = (): string => own.instance.ready.device;
  const numbers = (explained: Explanation): unknown[] =>
    explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics["n"]);

  it("tells of which reading a map made what, and by which version, after another was deployed too", async () => {
    await own.deploy(shared(10));
    await own.deploy(countingFunction("counted"), "--stage", "heavy");
    await own.send(25);
    await eventually(async () => (await rows("scaled")).length === 24, 60_000);
    await eventually(async () => (await rows("seen_by_counted")).length === 25, 60_000);
    await own.deploy(shared(100));
    await own.deploy(countingFunction("counted", `if (n < 0) throw new RangeError("below");`), "--stage", "heavy");
    await own.send(25);
    await eventually(async () => (await rows("scaled")).length === 49, 60_000);
    const made = await rows("scaled");
    const [old, young] = [made.find(({ value }) => value === 70), made.at(-1)];
    expect(await why("reading", device(), "scaled", String(old?.ts))).toMatchObject({
      function: "scaled@1",
      isReproduced: true,
      notes: [],
      counts: { causes: 1, messages: 1 },
      before: {},
    });
    const explained = await why("reading", device(), "scaled", String(young?.ts));
    expect(explained).toMatchObject({
      function: "scaled@2",
      isReproduced: true,
      output: { metrics: { scaled: 4900 } },
    });
    expect(numbers(explained)).toEqual([49]);
  });

  it("tells of the readings of a window, across a deploy between them", async () => {
    await eventually(async () => (await rows("total")).length >= 3, 60_000);
    const totals = await rows("total");
    for (const [index, one] of totals.slice(0, 3).entries()) {
      const explained = await why("reading", device(), "total", String(one.ts));
      expect(explained).toMatchObject({ isReproduced: true, notes: [], output: { metrics: { total: one.value } } });
      expect(explained.function).toBe(index < 1 ? "tens@1" : explained.function);
      const seen = numbers(explained).map(Number);
      expect(seen.length).toBeLessThanOrEqual(10);
      expect(seen).toEqual(seen.map((_, at) => (seen[0] ?? 0) + at));
      const sum = seen.reduce((all, n) => all + n * (n < 25 ? 10 : 100), 0);
      expect(sum).toBe(one.value);
      expect(explained.inputs?.fromOffset).toBeLessThanOrEqual(explained.inputs?.toOffset ?? 0);
    }
  });

  it("tells of all that a stream with state has counted, in a stage of its own", async () => {
    await eventually(async () => (await rows("seen_by_counted")).length === 50, 60_000);
    const counts = await rows("seen_by_counted");
    const old = await why("reading", device(), "seen_by_counted", String(counts[9]?.ts));
    expect(old).toMatchObject({ function: "counted@1", isReproduced: true, notes: [], counts: { causes: 10 } });
    expect(JSON.stringify(old.before)).toContain('"count":9');
    expect(JSON.stringify(old.after)).toContain('"count":10');
    const young = await why("reading", device(), "seen_by_counted", String(counts[39]?.ts));
    expect(young).toMatchObject({ function: "counted@2", isReproduced: true, counts: { causes: 40 } });
  });

  it("tells of an event and of a dead letter", async () => {
    const two = (await rows("n")).find(({ value }) => value === 2);
    const event = await why("event", device(), String(two?.ts));
    expect(event).toMatchObject({ function: "scaled@1", isReproduced: true, output: { detail: "two has come" } });
    expect(numbers(event)).toEqual([2]);
    const { items } = await own.api.get<{
      items: readonly { source: { topic: string; partition: number; offset: number } }[];
    }>("/dead-letters/queue");
    const { topic, partition, offset } = items[0]?.source ?? {};
    const letter = await why("dead-letter", `${topic}/${partition}/${offset}`);
    expect(letter).toMatchObject({ function: "scaled@1", isReproduced: true, messages: [{ outcome: "deadLettered" }] });
    expect(numbers(letter)).toEqual([4]);
  });

  it("prints it, and of a reading as the device has sent it too", async () => {
    const [first] = await rows("n");
    expect(await own.millrace("why", "reading", device(), "n", String(first?.ts))).toContain(
      "these messages, run again",
    );
    const text = await own.millrace("why", "reading", device(), "total", String((await rows("total"))[0]?.ts));
    expect(text).toMatch(/Made by {6}tens@1, at .*, from readings\/\d+\/\d+/);
    expect(text).toMatch(/Inputs {7}readings\/\d+, offsets \d+ to \d+, received /);
    await expect(own.millrace("why", "reading", device(), "none", String(first?.ts))).rejects.toThrow(
      "the log holds no such reading",
    );
  });
});
