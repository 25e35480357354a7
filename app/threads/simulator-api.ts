import type { DemoDevice } from "../demo-devices.ts";

/** The thread of the demo's simulated fleet. */
export type SimulatorApi = {
  runDemo(mqttUrl: string, devices: readonly DemoDevice[]): Promise<void>;
};
