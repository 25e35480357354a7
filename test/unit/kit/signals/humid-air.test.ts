import { describe, expect, it } from "vitest";
import { absoluteHumidity, dewPoint, heatIndex } from "../../../../kit/signals/humid-air.ts";

describe("humid air", () => {
  it("has the dew point that psychrometric tables give", () => {
    expect(dewPoint(20, 50)).toBeCloseTo(9.3, 1);
    expect(dewPoint(30, 80)).toBeCloseTo(26.2, 1);
    expect(dewPoint(-5, 70)).toBeCloseTo(-9.6, 1);
    expect(dewPoint(25, 100)).toBeCloseTo(25, 9);
    expect(dewPoint(25, 0)).toBe(-Infinity);
  });

  it("holds the grams of water that tables give", () => {
    // Magnus is good to half a percent.
    expect(absoluteHumidity(20, 100) / 17.3).toBeCloseTo(1, 2);
    expect(absoluteHumidity(0, 100) / 4.85).toBeCloseTo(1, 2);
    expect(absoluteHumidity(30, 50) / 15.2).toBeCloseTo(1, 2);
  });

  it("feels as hot as the chart of the US National Weather Service says", () => {
    const fahrenheit = (t: number, rh: number) => heatIndex((t - 32) / 1.8, rh) * 1.8 + 32;
    expect(Math.round(fahrenheit(90, 70))).toBe(106);
    expect(Math.round(fahrenheit(100, 40))).toBe(109);
    expect(Math.round(fahrenheit(86, 90))).toBe(105);
    expect(Math.round(fahrenheit(80, 40))).toBe(80);
    expect(fahrenheit(70, 50)).toBeLessThan(72);
  });
});
