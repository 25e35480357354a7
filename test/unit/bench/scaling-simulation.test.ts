import { describe, expect, test } from "vitest";
import { compareWithSimulation, TOLERANCE } from "../../../bench/scaling/agreement.ts";
import { periodicArrivals, streamArrivals } from "../../../bench/scaling/arrivals.ts";
import { FLEET } from "../../../bench/scaling/fleet.ts";
import { simulateInstallation } from "../../../bench/scaling/simulate-installation.ts";
import { expectedOf, stationsOf } from "../../../bench/scaling/stations.ts";
import { planFleet } from "../../../bench/scaling/strains.ts";
import { scalingCosts } from "../../support/scaling-costs.ts";
import type { Installation } from "../../../bench/scaling/installation.ts";

const costs = scalingCosts();
const { each } = planFleet({ ...FLEET, devices: 1_000_000 }, costs);

describe("the simulation of an installation", () => {
  test("agrees with the model, whatever the seed", () => {
    for (const seed of [1, 2, 3]) {
      for (const { seen, agrees } of compareWithSimulation(each, { seed }))
        expect(agrees, `${seen.role}, seed ${seed}`).toBe(true);
    }
  });

  const half: readonly (readonly [string, Partial<Installation>])[] = [
    ["gateways", { gatewaySeconds: 2 * each.gatewaySeconds }],
    ["processors", { stageSeconds: 2 * each.stageSeconds }],
    ["the sink", { sinkSeconds: 2 * each.sinkSeconds }],
  ];
  test.each(half)("tells a model that is wrong: %s can do half of what it says", (_name, change) => {
    const compared = compareWithSimulation(each, { played: { ...each, ...change } });
    expect(compared.every(({ agrees }) => agrees)).toBe(false);
  });

  test("gives the same with the same seed, and something else with another", () => {
    const [one, again, other] = [7, 7, 8].map((seed) => compareWithSimulation(each, { seed, seconds: 6 }));
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  test("passes on as many messages as came, but for those that are under way", () => {
    const [gateway, processors, sink] = compareWithSimulation(each).map(({ seen }) => seen);
    expect(gateway?.passed).toBeGreaterThan(each.peakPerSecond * 30 * 0.99);
    expect(processors?.passed).toBeGreaterThan((gateway?.passed ?? 0) * 0.99);
    // The sink holds what comes within a second or two.
    expect(sink?.passed).toBeGreaterThan((processors?.passed ?? 0) * 0.9);
    expect(sink?.passed).toBeLessThan((processors?.passed ?? 0) * 1.01);
  });

  test("shows a station that gets more than it can do as busy all the time, and ever later", () => {
    const stations = stationsOf({ ...each, sinkSeconds: 2 / each.peakPerSecond });
    const sink = stations.at(-1);
    expect(sink && expectedOf(sink, each.peakPerSecond).lagSeconds).toBe(Infinity);
    const seen = [20, 40].map((seconds) =>
      simulateInstallation({
        stations,
        arrivals: (gateway) => streamArrivals(each.peakPerSecond / each.gateways, gateway),
        seconds,
        warmUpSeconds: seconds / 2,
        seed: 1,
      }).at(-1),
    );
    expect(seen[0]?.utilisation).toBeGreaterThan(0.95);
    expect(seen[1]?.lagSeconds).toBeGreaterThan(1.5 * (seen[0]?.lagSeconds ?? 0));
  });

  test("of devices one by one, each at its own time, is that of their stream", () => {
    const small = planFleet({ ...FLEET, devices: 2000, intervalSeconds: 1 }, costs).each;
    const stations = stationsOf(small);
    const perGateway = Math.round(2000 / small.gateways);
    const options = { stations, seconds: 40, warmUpSeconds: 10, seed: 1 };
    const interval = 1 / FLEET.peakFactor;
    const single = simulateInstallation({
      ...options,
      arrivals: (gateway) => periodicArrivals(perGateway, interval, 0.1, gateway),
    });
    const stream = simulateInstallation({
      ...options,
      arrivals: (gateway) => streamArrivals(perGateway / interval, gateway),
    });
    single.forEach((seen, role) => {
      const busy = stream[role]?.utilisation ?? 0;
      expect(Math.abs(seen.utilisation - busy)).toBeLessThan(TOLERANCE.utilisation * busy);
      const lag = stream[role]?.lagSeconds ?? 0;
      expect(Math.abs(seen.lagSeconds - lag)).toBeLessThan(TOLERANCE.lag * lag);
    });
  });
});
