import { workerData } from "node:worker_threads";
import { createFleet } from "../../device-sim/fleet.ts";
import { runFleet } from "../../device-sim/run-fleet.ts";
import { createLogger } from "../logging.ts";
import { serveThread } from "../thread-rpc.ts";
import { giveWay } from "./give-way.ts";
import type { MessagePort } from "node:worker_threads";
import type { SimulatorApi } from "./simulator-api.ts";

/** The demo's fleet, over real MQTT, until the thread is ended. */
const api: SimulatorApi = {
  async runDemo(mqttUrl, devices) {
    const fleet = createFleet({
      devices: devices.map(({ id, type }) => ({ id, type })),
      seed: "demo",
      features: { demo: true },
      startAt: Date.now(),
    });
    const credentials = new Map(devices.map(({ id, token }) => [id, { token }]));
    await runFleet({ fleet, connect: { url: mqttUrl }, credentials });
  },
};

giveWay();
const { control } = workerData as { control: MessagePort };
serveThread(control, api, createLogger("error", "simulator"));
