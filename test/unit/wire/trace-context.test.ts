import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatTraceparent,
  HeadSampler,
  parseTraceparent,
  spanIdOf,
  traceIdOf,
  traceOf,
} from "../../../wire/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const parsed = { traceId: TRACE, spanId: SPAN };

describe("a traceparent", () => {
  it.each([
    ["00-%t-%s-01", true],
    ["00-%t-%s-00", false],
    // Flags that are not known yet say nothing of sampling.
    ["00-%t-%s-02", false],
    ["00-%t-%s-ff", true],
    // A later version may say more behind a dash.
    ["01-%t-%s-01", true],
    ["cc-%t-%s-01-what.the.future.will.be.like", true],
    ["cc-%t-%s-01-", true],
  ])("%s is one", (text, sampled) => {
    expect(parseTraceparent(text.replace("%t", TRACE).replace("%s", SPAN))).toEqual({ ...parsed, sampled });
  });

  it.each([
    "",
    "00",
    "00-%t-%s",
    "00-%t-%s-1",
    "00-%t-%s-01-",
    "00-%t-%s-01-more",
    "00-%t-%s-01 ",
    " 00-%t-%s-01",
    "00-%t-%s-01\n",
    "00-%t-%s-0x",
    "ff-%t-%s-01",
    "FF-%t-%s-01",
    "0-%t-%s-01",
    "000-%t-%s-01",
    "cc-%t-%s-01.more",
    "00-00000000000000000000000000000000-%s-01",
    "00-%t-0000000000000000-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-%s-01",
    "00-%t-00F067AA0BA902B7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473-%s-01",
    "00-4bf92f3577b34da6a3ce929d0e0e47366-%s-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-%s-01",
    "00-%t-%s-01, 00-%t-%s-01",
    "00_%t_%s_01",
    `cc-%t-%s-01-${"x".repeat(1000)}`,
  ])("%j is none", (text) => {
    expect(parseTraceparent(text.replaceAll("%t", TRACE).replaceAll("%s", SPAN))).toBeNull();
  });

  it("is read again as it was written, and nothing makes reading it fail", () => {
    expect(parseTraceparent(formatTraceparent(parsed))).toEqual({ ...parsed, sampled: true });
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => parseTraceparent(text) === null));
  });

  it("of a record counts only when it is sampled", () => {
    const record = (text: string | undefined) => ({ header: () => text });
    expect(traceOf(record(`00-${TRACE}-${SPAN}-01`))).toEqual(parsed);
    expect(traceOf(record(`00-${TRACE}-${SPAN}-00`))).toBeNull();
    expect(traceOf(record("garbage"))).toBeNull();
    expect(traceOf(record(undefined))).toBeNull();
  });
});

describe("ids", () => {
  it("follow from the admission id, and are those of W3C", () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        const traceId = traceIdOf(id);
        const spanId = spanIdOf(traceId, "stage", id, 7);
        expect(traceIdOf(id)).toBe(traceId);
        expect(spanIdOf(traceId, "stage", id, 7)).toBe(spanId);
        expect(parseTraceparent(formatTraceparent({ traceId, spanId }))).toEqual({ traceId, spanId, sampled: true });
      }),
    );
  });

  it("stay what they are: a later release finds the same trace", () => {
    expect(traceIdOf("local.3.12345")).toBe("af9cd8a56702d3afeda8020ff74fffb3");
    expect(spanIdOf(TRACE, "stage", "main", "telemetry", 3, 42)).toBe("43a34370f334a898");
  });

  it("differ for messages that follow each other", () => {
    const traces = new Set(Array.from({ length: 50_000 }, (_, n) => traceIdOf(`local.3.${n}`)));
    const spans = new Set(
      Array.from({ length: 50_000 }, (_, n) => spanIdOf(TRACE, "stage", "main", "telemetry", 0, n)),
    );
    expect([traces.size, spans.size]).toEqual([50_000, 50_000]);
    // Also each half of them: a collector may shard by some bytes only.
    expect(new Set([...traces].map((id) => id.slice(16))).size).toBe(50_000);
  });
});

describe("sampling", () => {
  const PREFIX = "1f2e3d4c5b6a.17.";

  it("is told by the admission id alone, whichever process asks", () => {
    const [one, other] = [new HeadSampler(0.1, PREFIX), new HeadSampler(0.1, "another.2.")];
    for (let n = 1; n < 5000; n += 1) {
      const id = `${PREFIX}${n}`;
      expect(one.isNumberSampled(n)).toBe(one.isSampled(id));
      expect(other.isSampled(id)).toBe(one.isSampled(id));
    }
  });

  it.each([0.001, 0.01, 0.1, 0.5])("takes about %f of them", (ratio) => {
    const sampler = new HeadSampler(ratio, PREFIX);
    const count = 200_000;
    let taken = 0;
    for (let n = 1; n <= count; n += 1) if (sampler.isNumberSampled(n)) taken += 1;
    const spread = 5 * Math.sqrt(count * ratio * (1 - ratio));
    expect(Math.abs(taken - count * ratio)).toBeLessThan(spread);
  });

  it("takes what a smaller share takes too, none with 0 and all with 1", () => {
    const [none, few, many, all] = [0, 0.01, 0.2, 1].map((ratio) => new HeadSampler(ratio, PREFIX));
    for (let n = 1; n < 5000; n += 1) {
      expect(none?.isNumberSampled(n)).toBe(false);
      expect(all?.isNumberSampled(n)).toBe(true);
      if (few?.isNumberSampled(n) === true) expect(many?.isNumberSampled(n)).toBe(true);
    }
  });
});
