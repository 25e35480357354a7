import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { FLEET } from "../../../bench/scaling/fleet.ts";
import { planInstallation } from "../../../bench/scaling/installation.ts";
import { moneyOf } from "../../../bench/scaling/money.ts";
import { stormsOf } from "../../../bench/scaling/storm.ts";
import { devicesUpTo, mostStrained, planFleet, STRAINED, strainsOf } from "../../../bench/scaling/strains.ts";
import { spreadOf } from "../../../bench/scaling/tenants.ts";
import { scalingCosts } from "../../support/scaling-costs.ts";

const SIZES = [1000, 30_000, 100_000, 500_000, 1_000_000, 3_000_000, 10_000_000, 100_000_000];
const costs = scalingCosts();
const fleet = (devices: number) => ({ ...FLEET, devices });

describe("the model of a fleet", () => {
  test("more devices never take less of anything", () => {
    const plans = SIZES.map((devices) => planInstallation(fleet(devices), costs, "mid"));
    const kinds = [
      "gateways",
      "partitions",
      "processorThreads",
      "functionThreads",
      "brokers",
      "clickhouseCores",
      "kafkaBytesPerSecond",
      "logBytes",
      "historyBytes",
    ] as const;
    for (const kind of kinds) {
      const values = plans.map((plan) => plan[kind]);
      expect(values, kind).toEqual(values.toSorted((a, b) => a - b));
    }
    const cores = SIZES.map((devices) => moneyOf(planFleet(fleet(devices), costs)).cores);
    expect(cores).toEqual(cores.toSorted((a, b) => a - b));
  });

  test("there are never more threads than partitions, nor more partitions than there may be", () => {
    for (const devices of SIZES) {
      for (const luck of ["low", "mid", "high"] as const) {
        const { partitions, processorThreads, functionThreads } = planInstallation(fleet(devices), costs, luck);
        expect(processorThreads).toBeLessThanOrEqual(partitions);
        expect(functionThreads).toBeLessThanOrEqual(partitions);
        expect(partitions).toBeLessThanOrEqual(LIMITS.partitionsMax);
      }
    }
  });

  test("an installation of a plan is within every ceiling, and one less would not be", () => {
    for (const devices of SIZES) {
      const { installations, each } = planFleet(fleet(devices), costs);
      expect(mostStrained(each).strain).toBeLessThanOrEqual(1);
      if (installations === 1) continue;
      const fewer = planInstallation(fleet(Math.ceil(devices / (installations - 1))), costs, "mid");
      expect(mostStrained(fewer).strain).toBeGreaterThan(1);
    }
  });

  test("a resource that breaks does so at the number of devices that the model names", () => {
    for (const what of STRAINED) {
      const most = devicesUpTo(what, FLEET, costs, "mid");
      expect(strainsOf(planInstallation(fleet(most), costs, "mid"))[what]).toBeLessThanOrEqual(1);
      expect(strainsOf(planInstallation(fleet(Math.ceil(most * 1.01)), costs, "mid"))[what]).toBeGreaterThan(1);
    }
  });

  test("bytes are what a message leaves, on each replica, for as many days", () => {
    const one = planInstallation({ ...fleet(600_000), functionShare: 0 }, costs, "mid");
    // 10,000 messages a second of 400 + 500 bytes, and 1,000 in a journal, which is not kept.
    const day = 10_000 * 86_400;
    expect(one.logBytes).toBeCloseTo(day * FLEET.logDays * 900 * FLEET.replication, -3);
    expect(one.historyBytes).toBeCloseTo(day * FLEET.historyDays * 6 * 5 * FLEET.clickhouseReplicas, -3);
    expect(one.kafkaBytesPerSecond).toBeCloseTo(10_000 * FLEET.peakFactor * 1900, 3);
  });

  test("slower runs never take less than quicker ones", () => {
    const [low, mid, high] = (["low", "mid", "high"] as const).map(
      (luck) => planFleet(fleet(10_000_000), costs, luck).installations,
    );
    expect(low).toBeLessThan(mid ?? 0);
    expect(mid).toBeLessThan(high ?? 0);
  });

  test("a cost that grows with the devices of a thread counts beyond what was measured only", () => {
    const grown = scalingCosts({ growth: { exponent: 0.5, devices: 10_000 } });
    expect(planInstallation(fleet(9000), grown, "mid").stageSeconds).toBeCloseTo(40e-6, 12);
    // One thread has all 40,000: four times as many as were measured.
    expect(planInstallation(fleet(40_000), grown, "mid").stageSeconds).toBeCloseTo(80e-6, 12);
  });

  test("a storm is over when the gateways have done the work that it is", () => {
    const one = planInstallation(fleet(1_000_000), costs, "mid");
    const [, , tls] = stormsOf(one, costs, 60);
    const messages = (one.peakPerSecond * 20e-6) / one.gateways;
    expect(tls?.utilisation).toBeCloseTo(messages + (1_000_000 * 500e-6) / one.gateways / 60, 9);
    expect(tls?.backAfterSeconds).toBeGreaterThanOrEqual(60);
    const quick = stormsOf({ ...one, gateways: tls?.gatewaysNeeded ?? 0 }, costs, 60);
    expect(quick.at(-1)?.backAfterSeconds).toBe(60);
  });

  test("a large tenant's devices spread as all others do", () => {
    const spread = spreadOf(0.5, 50_000, 10, 32);
    expect(spread.byDevice).toBeLessThan(1.15);
    expect(spread.byTenant).toBeGreaterThan(16);
  });
});
