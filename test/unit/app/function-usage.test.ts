import { expect, it } from "vitest";
import { usageByStage } from "../../../app/function-usage.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createFunctionMeter } from "../../../runtime/function-meter.ts";

/** A thread in which the function was called so often, 2 ms each. */
function thread(stage: string, functionVersion: string, calls: number, bytes: number) {
  const metrics = createMetrics();
  let now = 0;
  const meter = createFunctionMeter({ stage, cpu: { now: () => now }, monotonic: { now: () => now }, metrics });
  for (let call = 0; call < calls; call += 1) {
    meter.begin(functionVersion, call > 0);
    now += 2;
    meter.end(call === 1);
  }
  meter.stateBytes(new Map([[functionVersion.split("@")[0] ?? "", bytes]]));
  return metrics.snapshot();
}

it("is the sum over the threads, by version, with the memory that a thread of users' functions may have", () => {
  const samples = [
    ...thread("functions", "dew-point@2", 64, 1000),
    ...thread("functions", "dew-point@2", 128, 500),
    ...thread("functions", "dew-point@1", 64, 0),
    ...thread("main", "clean@1", 64, 0),
  ];
  const [first, second, third, ...rest] = usageByStage(samples, new Map(), 1024);
  expect(rest).toEqual([]);
  expect([first?.function, second?.function, third?.function]).toEqual(["dew-point", "dew-point", "clean"]);
  expect(second).toMatchObject({
    version: 2,
    invocations: 192,
    records: 190,
    errors: 2,
    coldStarts: 2,
    stateBytes: 1500,
  });
  expect(second?.cpuMs).toBeCloseTo(384, 6);
  // 128 of 192 measured ms of the stage; each call took 2 ms.
  expect([first?.stageShare, second?.stageShare, third?.stageShare]).toEqual([0.25, 0.75, 1]);
  expect(second?.callMsP50).toBeCloseTo(1.5, 6);
  expect(second?.callMsP99).toBeCloseTo(1.99, 6);
  expect(second?.gbSeconds).toBeCloseTo((0.384 * 1024 * 2 ** 20) / 1e9, 6);
  expect(third?.gbSeconds).toBeNull();
});

it("counts the memory that a stage of its own has been given", () => {
  const samples = thread("fn-heavy", "dew-point@1", 64, 0);
  const [own] = usageByStage(samples, new Map([["heavy", { memoryMib: 2048 }]]), 1024);
  const [usual] = usageByStage(samples, new Map([["heavy", { memoryMib: null }]]), 1024);
  expect(own?.gbSeconds).toBeCloseTo(2 * (usual?.gbSeconds ?? 0), 9);
});
