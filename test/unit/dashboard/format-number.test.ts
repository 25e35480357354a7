import { describe, expect, it } from "vitest";
import {
  alignDecimals,
  formatCount,
  formatExact,
  formatMetric,
  formatRate,
  formatTicks,
  formatValue,
  THIN_SPACE,
} from "../../../dashboard/web/model/format-number.ts";

const thin = (text: string) => text.replaceAll(" ", THIN_SPACE);

describe("formatValue", () => {
  it.each([
    [21.5, "21.5"],
    [21.004, "21"],
    [100.02, "100"],
    [230.64, "230.6"],
    [1013.25, "1013"],
    [18244.4, thin("18 244")],
    [0.0512, "0.0512"],
    [7, "7"],
    [0, "0"],
    [-4.25, "−4.25"],
    [1.5e12, "1.500e12"],
    [2e-7, "2.000e-7"],
    [Number.NaN, "–"],
  ])("shows %s as %s", (value, text) => {
    expect(formatValue(value)).toBe(text);
  });
});

describe("formatExact", () => {
  it("rounds nothing", () => {
    expect(formatExact(12345.678)).toBe(thin("12 345.678"));
    expect(formatExact(-0.1)).toBe("−0.1");
    expect(formatExact(1e21)).toBe("1e+21");
  });
});

describe("formatTicks", () => {
  it.each([
    [[2.25, 2.5], 0.25, ["2.25", "2.50"]],
    [[20, 22], 2, ["20", "22"]],
    [[0.1, 0.2], 0.1, ["0.1", "0.2"]],
    [[10000, 20000], 10000, [thin("10 000"), thin("20 000")]],
  ])("has as many decimals as the step needs: %s by %s", (ticks, step, texts) => {
    expect(formatTicks(ticks, step)).toEqual(texts);
  });
});

describe("formatRate", () => {
  it("does not show a trickle as nothing", () => {
    expect(formatRate(0)).toBe(thin("0 /s"));
    expect(formatRate(0.01)).toBe(thin("< 0.1 /s").replace(`<${THIN_SPACE}`, "< "));
    expect(formatRate(0.4)).toBe(thin("0.4 /s"));
    expect(formatRate(9.96)).toBe(thin("10 /s"));
    expect(formatRate(12345.6)).toBe(thin("12 346 /s"));
  });
});

describe("formatMetric and formatCount", () => {
  it("put a unit after numbers, leave booleans as they are, and cut long texts", () => {
    expect(formatMetric(21.5, "°C")).toBe(thin("21.5 °C"));
    expect(formatMetric(true, "°C")).toBe("true");
    expect(formatMetric("x".repeat(30), "")).toHaveLength(24);
    expect(formatCount(1234567)).toBe(thin("1 234 567"));
    expect(formatCount(1234)).toBe("1234");
  });
});

describe("alignDecimals", () => {
  it("pads what has fewer decimals, with spaces as wide as a point and a digit", () => {
    expect(alignDecimals(["48.25", "48", "9.5", ""])).toEqual(["48.25", "48\u2008\u2007\u2007", "9.5\u2007", ""]);
  });

  it("leaves whole numbers alone", () => {
    expect(alignDecimals(["48", "−9"])).toEqual(["48", "−9"]);
    expect(alignDecimals([])).toEqual([]);
  });
});
