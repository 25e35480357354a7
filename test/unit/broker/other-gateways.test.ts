import { describe, expect, test } from "vitest";
import { createOtherGateways } from "../../../broker/redis/other-gateways.ts";

describe("what is known of other gateways", () => {
  test("is who asks for a device, until it ceases, falls silent or goes", () => {
    const others = createOtherGateways(10, 10);
    for (const name of ["x", "y", "z"]) expect(others.heard(name, 100)).toBe(true);
    for (const name of ["x", "y", "z"]) others.asks(name, ["t/a", "t/b"], []);
    others.asks("x", [], ["t/a"]);
    expect([...others.askersOf("t/a")]).toEqual(["y", "z"]);
    expect(others.heard("z", 200)).toBe(false);
    others.forgetSilent(150);
    expect([...others.askersOf("t/a")]).toEqual(["z"]);
    others.forget("z");
    expect([others.size, others.askersOf("t/b").size]).toEqual([0, 0]);
  });

  test("is no more than its limits: further gateways and devices are not remembered", () => {
    const limits = { gatewaysMax: 1, gatewayDevicesMax: 2 };
    const others = createOtherGateways(limits.gatewaysMax, limits.gatewayDevicesMax);
    expect([others.heard("x", 1), others.heard("y", 1)]).toEqual([true, false]);
    expect(others.asks("x", ["t/a", "t/b", "t/c", "t/d"], [])).toBe(2);
    expect(others.asks("y", ["t/a"], [])).toBe(1);
    expect([[...others.askersOf("t/a")], others.size]).toEqual([["x"], 1]);
    expect(others.askersOf("t/c").size).toBe(0);
    expect(others.asks("x", ["t/c"], ["t/a"])).toBe(0);
    expect([...others.askersOf("t/c")]).toEqual(["x"]);
  });
});
