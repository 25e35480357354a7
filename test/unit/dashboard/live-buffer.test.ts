import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LiveBuffer } from "../../../dashboard/web/model/live-buffer.ts";

const point = (ts: number, value = ts) => ({ ts, value, received: ts });

describe("LiveBuffer", () => {
  it("is sorted by event time and has every time once, whatever the order of arrival", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (times) => {
        const buffer = new LiveBuffer(1000);
        times.forEach((ts, i) => buffer.push(point(ts, i)));
        expect(buffer.points.map(({ ts }) => ts)).toEqual([...new Set(times)].sort((a, b) => a - b));
        // Among equal times the last arrival wins.
        for (const { ts, value } of buffer.points) expect(value).toBe(times.lastIndexOf(ts));
      }),
    );
  });

  it("drops the oldest times above its ceiling and takes none of them back", () => {
    const buffer = new LiveBuffer(8);
    for (let ts = 0; ts < 100; ts += 1) buffer.push(point(ts));
    expect(buffer.points.length).toBeLessThanOrEqual(10);
    expect(buffer.lastTs).toBe(99);
    buffer.push(point(3));
    expect(buffer.points[0]?.ts).toBeGreaterThan(3);
  });
});
