import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { DRIVEN_INSTANCE, tellInstance } from "../../test/support/driven-control.ts";
import { ECHO } from "./live-functions.ts";
import { withLiveInstance, type LiveDevice } from "./live-instance.ts";

export interface WakeRun {
  /** From PUBLISH to the derived reading in an open page, ms: of a stage at zero, and of one that works. */
  readonly asleep: readonly number[];
  readonly awake: readonly number[];
}

/** Until the thread in reserve has started, and the autoscaler sleeps. */
const REST_MS = 3000;
const AWAKE_MS = 100;
const ANSWER_MS_MAX = 30_000;

/** Wakes users' functions from zero by one message, again and again. */
export async function measureWake(wakes: number): Promise<WakeRun> {
  const control = join(tmpdir(), `millrace-bench-${process.pid}.sock`);
  const environment = { MILLRACE_FUNCTION_THREADS: "2", MILLRACE_TEST_CONTROL: control };
  const options = { functions: ECHO, devices: 1, flags: ["--autoscale", "on"], environment, script: DRIVEN_INSTANCE };
  return withLiveInstance(options, async ({ devices: [device] }) => {
    if (device === undefined) throw new Error("there is no device");
    await answered(device);
    const asleep: number[] = [];
    const awake: number[] = [];
    for (let wake = 0; wake < wakes; wake += 1) {
      await tellInstance(control, "rest");
      await delay(REST_MS);
      asleep.push(await answered(device));
      await delay(AWAKE_MS);
      awake.push(await answered(device));
    }
    return { asleep, awake };
  });
}

async function answered(device: LiveDevice): Promise<number> {
  const before = device.derived.length;
  device.send();
  const deadline = performance.now() + ANSWER_MS_MAX;
  while (device.derived.length === before) {
    if (performance.now() > deadline) throw new Error(`no answer within ${ANSWER_MS_MAX} ms`);
    await delay(2);
  }
  return device.derived[before] ?? 0;
}
